// SPDX-License-Identifier: Apache-2.0
// How the report looks: one column, cards in place of tables where it is narrow, light or dark as
// the reader's device is.
#pragma once

namespace steepest::trainer {

inline constexpr char kStyle[] = R"css(
:root {
  --back: #ffffff; --text: #1d2126; --faint: #5b646e; --rule: #d9dee3; --shade: #d7ecdd;
  --link: #0a5fb4; --card: #f6f8fa;
  --good: #14713a; --bad: #b3261e; --absent: #3b5ba9; --open: #8a5a00;
  --s0: #0072b2; --s1: #d55e00; --s2: #008f68; --s3: #b8588f; --s4: #4d4d4d; --s5: #c98a00;
  --s6: #6a3d9a; --s7: #8c510a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --text: #e4e7ea; --faint: #9aa4ae; --rule: #363d44; --shade: #1f4630;
    --link: #7cb8f5; --card: #1c2024;
    --good: #6fd196; --bad: #ff8f86; --absent: #9db4f0; --open: #f0bd62;
    --s0: #56b4e9; --s1: #ff8c42; --s2: #3fd0a0; --s3: #e79ac8; --s4: #c4c4c4; --s5: #f5c451;
    --s6: #b694ea; --s7: #cfa676;
  }
}
* { box-sizing: border-box; }
body {
  max-width: 72rem; margin: 0 auto; padding: 1rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
section { border-top: 2px solid var(--rule); margin-top: 2.5rem; padding-top: 1.25rem; }
a { color: var(--link); }
small, .source, .unit, footer { color: var(--faint); font-size: .85rem; }
small { display: block; }
.source { margin-top: 0; }
.told { border-left: .25rem solid var(--open); padding-left: .6rem; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict { font-weight: 600; white-space: nowrap; color: var(--faint); }
.confirmed { color: var(--good); }
.contradicted { color: var(--bad); }
.absent { color: var(--absent); }
.not-resolved { color: var(--open); }
.counts-of { list-style: none; margin: 0 0 1.5rem; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
.counts-of b { font-size: 1.3rem; }
.tested { list-style: none; margin: 0; padding: 0; }
.tested li { padding: .35rem 0; border-bottom: 1px solid var(--rule); }
.tested b { font-variant-numeric: tabular-nums; }
.of { color: var(--faint); font-size: .85rem; white-space: nowrap; }
dl { margin: 0 0 .75rem; }
dt { font-weight: 600; }
dd { margin: 0 0 .4rem 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); }
thead th { color: var(--faint); font-size: .85rem; font-weight: 500; }
.contrast { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr) minmax(0, 4fr); gap: 0 1rem; align-items: start; padding: .35rem 0; }
.contrast .verdict, .contrast span.number { display: block; white-space: normal; }
svg text { font-size: 13px; fill: var(--faint); stroke: none; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.forest { display: block; width: 100%; height: 54px; overflow: visible; }
.mark { overflow: visible; }
.counts { fill: var(--shade); }
.grid { stroke: var(--rule); stroke-width: 1; }
.reference { stroke: var(--faint); stroke-width: 1.5; }
.interval, path.end { stroke: var(--text); stroke-width: 2; fill: none; }
.inner { stroke: var(--text); stroke-width: 5; fill: none; }
.ours { fill: var(--text); }
.paper { fill: var(--back); stroke: var(--s1); stroke-width: 2; }
.key { list-style: none; margin: .5rem 0; padding: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; font-size: .85rem; color: var(--faint); }
.key li, .legend li { display: flex; align-items: flex-start; }
.key svg, .sample { flex: none; width: 28px; height: 14px; margin: .3em .4rem 0 0; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .5rem 1rem; }
figure { margin: 0; max-width: 40rem; }
figcaption { font-size: .85rem; font-weight: 600; }
.chart { display: block; width: 100%; height: 240px; overflow: visible; }
.curve { fill: none; stroke-width: 1.8; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.dot { overflow: visible; }
.dot path { stroke-width: 6; stroke-linecap: round; }
.cross { overflow: visible; }
.cross path { stroke-width: 1.8; fill: none; }
.s0 { stroke: var(--s0); }
.s1 { stroke: var(--s1); }
.s2 { stroke: var(--s2); }
.s3 { stroke: var(--s3); }
.s4 { stroke: var(--s4); }
.s5 { stroke: var(--s5); }
.s6 { stroke: var(--s6); }
.s7 { stroke: var(--s7); }
.d1 { stroke-dasharray: 7 3; }
.d2 { stroke-dasharray: 2 3; }
.dot, .cross { stroke-dasharray: none; }
.legend { list-style: none; margin: .1rem 0 .4rem; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .85rem; }
details { border-top: 1px solid var(--rule); margin-top: .5rem; }
details.rows { border-top: 0; margin-left: 1rem; font-size: .9rem; }
details.rows summary { padding: .2rem 0; color: var(--faint); }
summary { padding: .6rem 0; cursor: pointer; }
pre { overflow-x: auto; padding: .75rem; background: var(--card); font-size: .85rem; line-height: 1.4; }
footer { border-top: 1px solid var(--rule); margin-top: 2.5rem; padding-top: .75rem; }
@media (max-width: 48rem) {
  .cards thead { display: none; }
  .cards, .cards tbody, .cards tr { display: block; }
  .cards tr { padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  .cards td:empty { display: none; }
  .cards th, .cards td { display: inline; border: 0; padding: 0; margin-right: .7rem; }
  .cards tbody th { margin-right: .3rem; }
  .cards .line + td { display: block; }
  .cards td[data-name]::before { content: attr(data-name) " "; color: var(--faint); font-size: .85rem; }
  .contrast { grid-template-columns: minmax(0, 1fr); gap: .2rem; padding: .8rem 0; border-bottom: 1px solid var(--rule); }
}
)css";

}  // namespace steepest::trainer

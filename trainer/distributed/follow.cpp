// SPDX-License-Identifier: Apache-2.0
#include "trainer/distributed/follow.h"

#include "trainer/begin.h"
#include "trainer/exit_code.h"
#include "trainer/run/signals.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

// Goes to the checkpoint of that step, from which process 0 goes on; throws CheckpointError where
// it is not the latest one here, as on a machine that does not see the run's folder.
void catch_up(Session& session, int64_t step) {
  const std::string& run = session.spec().out;
  const auto latest = latest_checkpoint(run);
  if (!latest || latest->checkpoint.step != step)
    throw CheckpointError(
        run + ": received " +
        (latest ? "a checkpoint of step " + std::to_string(latest->checkpoint.step)
                : std::string("no checkpoint")) +
        ", allowed that of step " + std::to_string(step) + ", from which process 0 goes on");
  session.route_as(latest->checkpoint);
  session.restore(latest->checkpoint, latest->folder);
}

}  // namespace

int follow(const RunSpec& spec, bool resumes, const Team& team) {
  Session session(spec, DataUse::read, team);
  const StopSignals signals;
  const int64_t step = team.hear(0).word;
  if (resumes && step > 0)
    catch_up(session, step);
  else
    begin_run(session);
  while (team.hear(0, StopSignals::received()).word == kGoOn) session.train_step();
  return kDone;
}

}  // namespace steepest::trainer

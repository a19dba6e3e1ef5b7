import type { CheatMode } from '../../attackers/attack.ts';
import { readEvidence } from '../../attackers/served-evidence.ts';
import type { DemoContext } from '../demo-context.ts';
import { connectRouter, isOffered } from '../mesh-router.ts';
import { evidenceDirectory, waitUntil } from '../polling.ts';
import type { Member, RunRecord } from '../run-record.ts';

/** At most this many further requests, if the router never draws the cheat or its sequential test needs more evidence. */
const maxExtraRequests = 72;
/** Enough for an audit window, an epoch and a batch on a slow machine. */
const verdictPatienceMs = 60_000;
const unlistingPatienceMs = 120_000;

export interface Provocation extends DemoContext {
  readonly members: readonly Member[];
  readonly evidenceOf: () => Promise<RunRecord['ejections']>;
  readonly askNext: (count: number) => Promise<void>;
}

/** How many replies of the cheat a mode needs before it can be out: one where the proof is exact, else two rejects. */
const repliesNeeded: Readonly<Record<CheatMode, number>> = { prefill: 1, substitute: 2, tamper: 3, withhold: 2 };

/** Keeps asking until the chain has ejected the cheat and the router knows it. If it gives up, the claim fails. */
export async function provokeEjection(provocation: Provocation): Promise<void> {
  const { mesh, options, models, links, members, evidenceOf, askNext, onProgress } = provocation;
  const cheatId = members.find(({ isCheat }) => isCheat)?.providerId;
  const isOut = async (): Promise<boolean> => (await evidenceOf()).some(({ providerId }) => providerId === cheatId);
  const countServed = (): number => readEvidence(evidenceDirectory(mesh.plan.directory)).length;
  let needed = repliesNeeded[options.cheat as CheatMode];
  let met = 0;
  for (let extra = 0; !(await isOut()); extra += options.concurrency) {
    if (countServed() >= needed) {
      onProgress(`the cheat has served ${countServed()} replies; waiting for the verdicts`);
      if (await waitUntil(isOut, verdictPatienceMs)) break;
      needed = countServed() + 1;
    }
    if (extra >= maxExtraRequests) {
      onProgress(`the cheat is not ejected after ${extra} more requests`);
      return;
    }
    onProgress(`the cheat has served ${countServed()} replies, ${needed} are needed: asking more`);
    // A gateway avoids a provider that has failed it. A new consumer does not know that provider yet.
    if ((options.cheat === 'withhold' || options.cheat === 'tamper') && countServed() > met) {
      await mesh.restart('gateway');
      met = countServed();
    }
    await askNext(options.concurrency);
  }
  onProgress('the cheat is ejected on the chain');
  const router = connectRouter(mesh, links);
  const isUnlisted = async (): Promise<boolean> =>
    !(await isOffered(router, { model: models.id, providerId: cheatId }));
  if (!(await waitUntil(isUnlisted, unlistingPatienceMs))) onProgress('the router still lists the cheat');
}

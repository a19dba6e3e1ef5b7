import type { RunRecord } from '../run-record.ts';
import { checkSlash, checkSplit } from './court-claims.ts';
import type { Finding } from './finding.ts';
import {
  checkBelowQuorum,
  checkConservation,
  checkExactlyOnce,
  checkHonest,
  checkQuorum,
  checkRefunds,
} from './ledger-claims.ts';
import { checkEmission, checkMint, checkWithdrawal } from './money-claims.ts';
import { checkFastest, checkRelayed, checkSealed } from './reach-claims.ts';
import {
  checkBeacon,
  checkCheat,
  checkEjection,
  checkFailover,
  checkReceipts,
  checkTampering,
  checkTests,
} from './reply-claims.ts';

export interface DemoClaim extends Finding {
  readonly id: string;
  readonly statement: string;
}

type CheckRun = (run: RunRecord) => Finding | Promise<Finding> | undefined;

/** The claims with their statements. A check returns undefined if its claim does not apply to the run. */
const CLAIMS: readonly (readonly [id: string, statement: string, check: CheckRun])[] = [
  ['receipts', 'every answer has a receipt that passes offline', checkReceipts],
  ['tampering', 'one changed byte fails the check that names it', checkTampering],
  ['beacon', 'no party has the whole key of the beacon; one signature certifies an epoch', ifKey(checkBeacon)],
  ['cheat', 'the stage that should detect the cheat detects it', ifCheat(checkCheat)],
  ['ejection', 'the cheat is ejected on chain and no longer served from', ifCheat(checkEjection)],
  ['refunds', 'no payer is charged for a rejected reply, nor more than its fee for any other', checkRefunds],
  ['honest-paid', 'every honest provider that served is paid, and none is ejected', checkHonest],
  ['quorum', 'every batch carries more than two thirds of the bonded stake', checkQuorum],
  ['conservation', 'the amounts from the escrow channels equal the six shares, to the unit', checkConservation],
  ['tests', 'the beacon draws providers for unannounced tests, and honest providers answer', checkTests],
  [
    'failover',
    'another provider completes an answer after its provider is killed',
    (run) => run.failover && checkFailover(run),
  ],
  [
    'relayed',
    'a provider behind a relay is reached through the relay, and serves',
    (run) => run.reach && checkRelayed(run),
  ],
  [
    'sealed',
    'a relay reads neither request nor reply, even with the keys of TLS',
    (run) => run.reach && checkSealed(run),
  ],
  ['fastest', 'a request for lowest latency is routed by signed measurements', (run) => run.reach && checkFastest(run)],
  ['below-quorum', 'without a quorum nothing settles', (run) => run.chaos && checkBelowQuorum(run)],
  ['exactly-once', 'after the restart every reply settles exactly once', (run) => run.chaos && checkExactlyOnce(run)],
  [
    'emission',
    'validators tally the recycled fees, and a claim is paid once',
    ({ money }) => money && checkEmission(money),
  ],
  [
    'mint',
    'validators close the epoch, and work is paid once, within the burned amount',
    ({ mint }) => mint && checkMint(mint),
  ],
  [
    'withdrawal',
    'a payer withdraws its free escrow, to the unit and no more',
    ({ money, mint = money }) => mint && checkWithdrawal(mint),
  ],
  [
    'bad-split',
    'the contract refuses a split that exceeds the fee, and no balance changes',
    ({ split }) => split && checkSplit(split),
  ],
  [
    'slash',
    'a validator that signs a false verdict loses a tenth of its bond',
    ({ slash }) => slash && checkSlash(slash),
  ],
];

function ifKey(check: CheckRun): CheckRun {
  return (run) => (run.trust.generations ? check(run) : undefined);
}

function ifCheat(check: CheckRun): CheckRun {
  return (run) => (run.cheat === 'none' ? undefined : check(run));
}

/** Evaluates every claim that applies to this run, from the record alone. @param only the id of a claim. Default: all. */
export async function evaluateClaims(run: RunRecord, only?: string): Promise<DemoClaim[]> {
  const named = CLAIMS.map(([id, ...claim]) => [id === 'cheat' ? `cheat-${run.cheat}` : id, ...claim] as const);
  const chosen = named.filter(([id]) => only === undefined || id === only);
  const evaluated = await Promise.all(
    chosen.map(async ([id, statement, check]): Promise<DemoClaim[]> => {
      const finding = await check(run);
      return finding ? [{ id, statement, ...finding }] : [];
    }),
  );
  return evaluated.flat();
}

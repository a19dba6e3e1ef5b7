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

/** Evaluates every claim that applies to this run, from the record alone. @param only the id of a claim. Default: all. */
export function evaluateClaims(run: RunRecord, only?: string): Promise<DemoClaim[]> {
  const chosen = listClaims(run).filter(({ id }) => only === undefined || id === only);
  return Promise.all(chosen.map(async ({ judge, ...claim }) => ({ ...claim, ...(await judge()) })));
}

type OpenClaim = Pick<DemoClaim, 'id' | 'statement'> & { readonly judge: () => Finding | Promise<Finding> };

function listClaims(run: RunRecord): OpenClaim[] {
  const { money, mint, split, slash } = run;
  const claim = (id: string, statement: string, judge: OpenClaim['judge']): OpenClaim => ({ id, statement, judge });
  const claims = [
    claim('receipts', 'every answer has a receipt that passes offline', () => checkReceipts(run)),
    claim('tampering', 'one changed byte fails the check that names it', () => checkTampering(run)),
  ];
  if (run.trust.generations) {
    claims.push(
      claim(
        'beacon',
        'validators share a key that no party has whole, and one signature of it certifies an epoch',
        () => checkBeacon(run),
      ),
    );
  }
  if (run.cheat !== 'none') {
    claims.push(
      claim(`cheat-${run.cheat}`, 'the stage that should detect the cheat detects it', () => checkCheat(run)),
      claim('ejection', 'the cheat is ejected on chain and no longer served from', () => checkEjection(run)),
    );
  }
  claims.push(
    claim('refunds', 'no payer is charged for a rejected reply, nor more than its fee for any other', () =>
      checkRefunds(run),
    ),
    claim('honest-paid', 'every honest provider that served is paid, and none is ejected', () => checkHonest(run)),
    claim('quorum', 'every batch carries more than two thirds of the bonded stake', () => checkQuorum(run)),
    claim('conservation', 'the amounts from the escrow channels equal the six shares, to the unit', () =>
      checkConservation(run),
    ),
  );
  claims.push(
    claim('tests', 'the beacon draws providers for unannounced tests, and honest providers answer', () =>
      checkTests(run),
    ),
  );
  if (run.failover) {
    claims.push(
      claim('failover', 'another provider completes an answer whose provider is killed in mid-stream', () =>
        checkFailover(run),
      ),
    );
  }
  if (run.reach) {
    claims.push(
      claim('relayed', 'a provider behind a relay is reached through the relay, and serves', () => checkRelayed(run)),
      claim('sealed', 'a relay reads neither request nor reply, even with the keys of TLS', () => checkSealed(run)),
      claim('fastest', 'a request for lowest latency is routed by measured figures that the router signed', () =>
        checkFastest(run),
      ),
    );
  }
  if (run.chaos) {
    claims.push(
      claim('below-quorum', 'without a quorum nothing settles', () => checkBelowQuorum(run)),
      claim('exactly-once', 'after the restart every reply settles exactly once', () => checkExactlyOnce(run)),
    );
  }
  if (money) {
    claims.push(
      claim('emission', 'validators tally the recycled fees, and a claim is paid once', () => checkEmission(money)),
      claim('withdrawal', 'a payer withdraws its free escrow, to the unit and no more', () => checkWithdrawal(money)),
    );
  }
  if (split) {
    claims.push(
      claim('bad-split', 'the contract refuses a split that pays more than the fee, and no balance changes', () =>
        checkSplit(split),
      ),
    );
  }
  if (slash) {
    claims.push(
      claim('slash', 'a validator that signs a false verdict loses a tenth of its bond', () => checkSlash(slash)),
    );
  }
  if (mint) {
    claims.push(
      claim('mint', 'validators post prices and close the epoch, and work is paid once, within the burned amount', () =>
        checkMint(mint),
      ),
      claim('withdrawal', 'a payer withdraws its free escrow, to the unit and no more', () => checkWithdrawal(mint)),
    );
  }
  return claims;
}

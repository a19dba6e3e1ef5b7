import { randomBytes } from 'node:crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { createChainView } from '@ogong/host/views/chain-view';
import { DRAW_KINDS, type DrawKind } from '@ogong/protocol/audit/secret-draw';
import { parseTestReport, type TestReport } from '@ogong/protocol/audit/test-report';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type LedgerPlace, openLedger } from './open-ledger.ts';

export interface TestCount {
  readonly asked: number;
  readonly missed: number;
}

/** Validators' claims about their tests of providers (docs/spec/canary.md). The claims are not proved: no draw is recomputed here. */
export interface ToldTests extends Readonly<Record<DrawKind, TestCount>> {
  /** How many of them answered. */
  readonly validators: number;
}

const CALL_TIMEOUT_MS = 3_000;

/** Asks all validators that the chain names. Silent ones are left out. @throws ConfigError, ChainError */
export async function readToldTests(place: LedgerPlace): Promise<ToldTests | null> {
  const chain = await openLedger('ogong mesh', place);
  const view = createChainView({ deployment: chain.deployment }, { connect: async () => chain });
  await view.refresh();
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(randomBytes(32))),
    dialPolicy: toDialPolicy(BigInt(chain.deployment.chainId)),
  });
  try {
    const told = view.validators().map(async (validator) => {
      const service = links.to(ValidatorService, validator);
      const ask = async (kind: DrawKind): Promise<TestReport> =>
        parseTestReport((await service.getTests({ kind }, { timeoutMs: CALL_TIMEOUT_MS })).report);
      return Promise.all(DRAW_KINDS.map(ask)).catch(() => []);
    });
    return sumReports(await Promise.all(told));
  } finally {
    links.close();
  }
}

/** @param told reports of each validator; silent ones are left out. @returns null if none answered. */
export function sumReports(told: readonly (readonly Pick<TestReport, 'kind' | 'tests'>[])[]): ToldTests | null {
  const count = (kind: DrawKind): TestCount => {
    const tests = told.flat().flatMap((report) => (report.kind === kind ? report.tests : []));
    return { asked: tests.length, missed: tests.filter(({ isMissed }) => isMissed).length };
  };
  const validators = told.filter((reports) => reports.length > 0).length;
  return validators === 0 ? null : { validators, canary: count('canary'), timed: count('timed') };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { createBeaconView } from '@ogong/host/views/beacon-view';
import { createChainView } from '@ogong/host/views/chain-view';
import { DRAW_KINDS, type DrawKind } from '@ogong/protocol/audit/secret-draw';
import { parseTestReport, verifyTestReport } from '@ogong/protocol/audit/test-report';
import { toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { waitUntil } from '../polling.ts';
import type { Member, ProviderTests } from '../run-record.ts';

/**
 * Each validator buys an answer of each provider in one epoch of seventeen. Only a validator that handled replies has jobs with a deadline.
 * Mostly this is one validator, so the rate of such jobs is higher.
 */
export const DEMO_TEST_RATES = { canaryRate: 60_000, timedRate: 200_000 };
const WANTED_CANARIES = 3;
const WANTED_TIMED = 1;
const TESTS_PATIENCE_MS = 180_000;
/** Validators answer one caller once a second. */
const TESTS_INTERVAL_MS = 1_000;
/** Calls of one validator on a busy machine. */
const READ_TRIES = 3;

export type TestReader = (members: readonly Member[]) => Promise<readonly ProviderTests[]>;

/** Reads each validator's report of its tests, and recomputes every draw from its beacon. */
export function createTestReader(chain: ChainClient, links: LinkPool): TestReader {
  const view = createChainView({ deployment: chain.deployment }, { connect: async () => chain });
  const beacons = createBeaconView({}, { crypto, links, chain: view });

  async function readOne(
    validator: ReturnType<typeof view.validators>[number],
    kind: DrawKind,
  ): Promise<Omit<ProviderTests, 'validator' | 'kind'>> {
    const service = links.to(ValidatorService, validator);
    const report = parseTestReport((await service.getTests({ kind }, { timeoutMs: 10_000 })).report);
    const values = new Map<bigint, Uint8Array>();
    for (const { epoch } of report.draws) values.set(epoch, (await beacons.get(epoch)).value);
    return verifyTestReport(crypto, report, {
      ...{ chainId: view.network.chainId, kind, validator },
      beaconOf: (epoch) => values.get(epoch),
      greatestPpm: view.parameters()?.greatestRates[kind] ?? 0,
    });
  }

  return async (members) => {
    await view.refresh();
    const found = view.validators().flatMap((validator) => {
      const address = `0x${toHex(validator.address)}`;
      const name = members.find((member) => member.address === address)?.name ?? address;
      // A validator that is down is left out; failed checks of a report are kept.
      return DRAW_KINDS.map(async (kind): Promise<ProviderTests[]> => {
        for (let tries = 1; ; tries++) {
          try {
            return [{ validator: name, kind, ...(await readOne(validator, kind)) }];
          } catch {
            if (tries === READ_TRIES) return [];
            await delay(TESTS_INTERVAL_MS);
          }
        }
      });
    });
    return (await Promise.all(found)).flat();
  };
}

/**
 * Waits for some answered tests. Reports leave out the newest two epochs.
 * @returns the last reading. Reports also leave out old tests, so a much later reading would lack these.
 */
export async function waitForTests(read: TestReader, members: readonly Member[]): Promise<readonly ProviderTests[]> {
  const providers = members.filter(({ role }) => role === 'provider').length;
  const wantedTimed = providers > 1 ? WANTED_TIMED : 0;
  let found: readonly ProviderTests[] = [];
  await waitUntil(async () => {
    found = await read(members);
    const count = (of: DrawKind): number =>
      found
        .filter(({ kind }) => kind === of)
        .reduce((sum, { tests }) => sum + tests.filter(({ isMissed }) => !isMissed).length, 0);
    if (count('canary') >= WANTED_CANARIES && count('timed') >= wantedTimed) return true;
    await delay(TESTS_INTERVAL_MS);
    return false;
  }, TESTS_PATIENCE_MS);
  return found;
}

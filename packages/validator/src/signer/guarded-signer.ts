import { type LogSync, syncLeftBehind } from '@ogong/host/store/log-sync';
import { type Store, withoutSync } from '@ogong/host/store/store';
import { StoreError } from '@ogong/host/store/store-error';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashBatchSummary } from '@ogong/protocol/settlement/batch';
import type { ShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import {
  createKeySigner,
  type StatedBatch,
  type ValidatorSigner,
  type ValidatorStatement,
} from '@ogong/protocol/settlement/validator-statement';
import { assertNearEnd, isSuperseded, type ReadBeaconClock } from './retirement-guard.ts';
import { SignerError } from './signer-error.ts';
import { findRetirement, guardStatement } from './signing-guard.ts';

export interface GuardedSignerOptions {
  readonly key: LedgerSigner;
  /** Account for which it signs, 20 bytes. */
  readonly account: Uint8Array;
  /** Signs heads of logs. Default: no head signatures. */
  readonly headKey?: HybridSigner | undefined;
  /** Makes shares of aggregated signatures. */
  readonly share?: ShareSigner | undefined;
  /** Opened with GUARD_SCHEMA. */
  readonly store: Store;
  /** Syncs its notes while the event loop goes on. Default: each note is synced before anything else happens. */
  readonly log?: LogSync | undefined;
  /**
   * Reads the chain's clock, which shows a retirement that came too late or names an end too far ahead. Default: no
   * clock, and one retirement is signed for each key.
   */
  readonly readBeaconClock?: ReadBeaconClock | undefined;
}

/**
 * Creates a signing key that never contradicts itself: each signed statement is on the disk before the signature
 * leaves, and a contradicting statement is refused.
 * @throws SignerError from `sign`
 * @throws StoreError `busy` if there is no `log` and another process reads the store
 */
export function createGuardedSigner(
  crypto: Crypto,
  { key, account, headKey, share, store, log, readBeaconClock }: GuardedSignerOptions,
): ValidatorSigner {
  const signer = createKeySigner(crypto, key, account, { headKey, share });
  const { signHead, signShare } = signer;
  // Notes of a process with its own sync may exist in memory only. A repeated statement would be signed on their basis.
  if (log === undefined && !store.eraseDeleted()) {
    throw new StoreError(
      'busy',
      `the database ${store.path} is in use by another process: end that one, and start again`,
    );
  }
  const leftBehind = log && syncLeftBehind(store, log);
  leftBehind?.catch(() => undefined);

  /** The newest batch whose places are on the disk, with its very entries. Its head and its share are signed right after it. */
  let noted: { readonly digest: Uint8Array; readonly entries: readonly Uint8Array[] } | undefined;

  /** Resolves when the note is on the disk: an earlier one may still be on its way. */
  async function note(statement: ValidatorStatement, superseded?: bigint | undefined): Promise<void> {
    if (statement.kind !== 'batch') return noteAnew(statement, superseded);
    const { domain, summary, entries } = statement;
    const digest = hashBatchSummary(crypto, domain, summary);
    if (noted?.entries === entries && equalBytes(noted.digest, digest)) return;
    await noteAnew(statement);
    noted = { digest, entries };
  }

  async function noteAnew(statement: ValidatorStatement, superseded?: bigint | undefined): Promise<void> {
    if (log === undefined) {
      guardStatement(crypto, store, statement, superseded);
      return;
    }
    await leftBehind;
    const isNoted = withoutSync(store.database, () => guardStatement(crypto, store, statement, superseded));
    if (isNoted) await log.sync();
  }

  async function guard(statement: ValidatorStatement): Promise<void> {
    assertOwn(statement, account);
    const superseded =
      statement.kind === 'beacon-retirement' ? await findSuperseded(store, statement, readBeaconClock) : undefined;
    await note(statement, superseded);
  }

  return {
    ...signer,
    ...(signHead && {
      async signHead(statement: StatedBatch) {
        await note({ kind: 'batch', ...statement });
        return signHead(statement);
      },
    }),
    async sign(statement) {
      await guard(statement);
      return signer.sign(statement);
    },
    ...(signShare && {
      async signShare(statement: ValidatorStatement) {
        await guard(statement);
        return signShare(statement);
      },
    }),
  };
}

/**
 * Finds the last epoch that was signed for a key and no longer counts on the chain.
 * @throws SignerError `unavailable` while the chain does not answer, `conflict` if the new one is too far ahead
 */
async function findSuperseded(
  store: Store,
  statement: Extract<ValidatorStatement, { kind: 'beacon-retirement' }>,
  readBeaconClock: ReadBeaconClock = async () => undefined,
): Promise<bigint | undefined> {
  const { domain, generation } = statement;
  const lastEpoch = findRetirement(store, statement);
  if (lastEpoch === statement.lastEpoch) return undefined;
  const clock = await readBeaconClock(domain).catch((cause: unknown) => {
    throw new SignerError('unavailable', 'the possible end of a key cannot be read from the chain', { cause });
  });
  if (clock === undefined) return undefined;
  assertNearEnd(clock, statement.lastEpoch);
  if (lastEpoch === undefined) return undefined;
  return isSuperseded(clock, { generation, lastEpoch }, statement) ? lastEpoch : undefined;
}

function assertOwn(statement: ValidatorStatement, account: Uint8Array): void {
  const named = nameSpeaker(statement) ?? account;
  if (!equalBytes(named, account)) {
    throw new SignerError('foreign', `a statement for 0x${toHex(named)}: this key signs for 0x${toHex(account)}`);
  }
}

/** Returns the speaker if the statement names one. */
function nameSpeaker(statement: ValidatorStatement): Uint8Array | undefined {
  switch (statement.kind) {
    case 'admission':
    case 'intake':
    case 'held':
    case 'reveal':
      return statement.validator;
    case 'silence':
      return statement.witness;
    case 'signing-key':
    case 'quorum-key':
      return statement.account;
    default:
      return undefined;
  }
}

import type { Store } from '@ogong/host/store/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { ShareSigner } from '@ogong/protocol/settlement/quorum-sum';
import {
  createKeySigner,
  type StatedBatch,
  type ValidatorSigner,
  type ValidatorStatement,
} from '@ogong/protocol/settlement/validator-statement';
import { SignerError } from './signer-error.ts';
import { guardStatement } from './signing-guard.ts';

export interface GuardedSignerOptions {
  readonly key: LedgerSigner;
  /** The account that it signs for, 20 bytes. */
  readonly account: Uint8Array;
  /** Signs heads of logs. Default: nothing does. */
  readonly headKey?: HybridSigner | undefined;
  /** Makes signatures that are summed. Default: none. */
  readonly share?: ShareSigner | undefined;
  /** Opened with GUARD_SCHEMA. */
  readonly store: Store;
}

/**
 * A signing key that contradicts itself in nothing that counts: what it signs is on the disk before the signature leaves, and what
 * contradicts it is refused.
 * @throws SignerError from `sign`
 */
export function createGuardedSigner(
  crypto: Crypto,
  { key, account, headKey, share, store }: GuardedSignerOptions,
): ValidatorSigner {
  const signer = createKeySigner(crypto, key, account, { headKey, share });
  const { signHead, signShare } = signer;
  const guard = (statement: ValidatorStatement): void => {
    assertOwn(statement, account);
    guardStatement(crypto, store, statement);
  };
  return {
    ...signer,
    ...(signHead && {
      async signHead(statement: StatedBatch) {
        guardStatement(crypto, store, { kind: 'batch', ...statement });
        return signHead(statement);
      },
    }),
    async sign(statement) {
      guard(statement);
      return signer.sign(statement);
    },
    ...(signShare && {
      async signShare(statement: ValidatorStatement) {
        guard(statement);
        return signShare(statement);
      },
    }),
  };
}

function assertOwn(statement: ValidatorStatement, account: Uint8Array): void {
  const named = nameSpeaker(statement) ?? account;
  if (!equalBytes(named, account)) {
    throw new SignerError('foreign', `a statement for 0x${toHex(named)}: this key signs for 0x${toHex(account)}`);
  }
}

/** Who says it, where the statement itself names somebody. */
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

import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { type Check, fail, isOk, pass, skip } from '../../base/checks.ts';
import { type CodecType, createFormat, hash, refine, safeInteger, struct, u64 } from '../../base/codec.ts';
import type { Crypto, HybridSigner } from '../../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../../crypto/hybrid.ts';

const accountCodec = struct({
  /** Hash of the hybrid key that signs it. */
  relayId: hash,
  /** SHA-256 of the certificate of the node that the relay fronts. */
  certHash: hash,
  /** Bytes that the relay carried to and from the node since `sinceMs`, without the few bytes of its own. */
  toNode: u64,
  fromNode: u64,
  /** Links that it joined. */
  links: u64,
  sinceMs: safeInteger,
  untilMs: safeInteger,
});

/** A relay's statement of the bytes that it carried for one node (docs/spec/relay.md). */
export interface RelayAccount extends CodecType<typeof accountCodec> {}

const accountFormat = createFormat(
  refine<RelayAccount>(accountCodec, ({ sinceMs, untilMs }) => {
    if (untilMs < sinceMs) throw new ProtocolError('malformed', 'the account ends before it begins');
  }),
  { tag: 'ogong-relay-account-v1' },
);

export const encodeRelayAccount: (account: RelayAccount) => Uint8Array = accountFormat.encode;
export const parseRelayAccount: (bytes: Uint8Array) => RelayAccount = accountFormat.decode;

export interface SignedRelayAccount {
  /** The exact bytes that were signed. */
  readonly account: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly relayKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function signRelayAccount(signer: HybridSigner, account: RelayAccount): SignedRelayAccount {
  const bytes = encodeRelayAccount(account);
  return { account: bytes, relayKey: signer.publicKey, signature: signer.sign(bytes) };
}

export interface RelayAccountVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Present if the bytes parse; worth nothing unless `ok`. */
  readonly account?: RelayAccount;
}

/**
 * Verifies that an account is signed by the relay and about this node. It must not be smaller than the one before, and not
 * larger than the node's own count.
 * @param counted bytes that the node itself sent and received over links of this relay; undefined for other readers.
 */
export function verifyRelayAccount(
  crypto: Crypto,
  { account: bytes, relayKey: publicKey, signature }: SignedRelayAccount,
  given: {
    readonly certHash: Uint8Array;
    readonly previous?: RelayAccount | undefined;
    readonly counted?: { readonly toNode: bigint; readonly fromNode: bigint } | undefined;
  },
): RelayAccountVerdict {
  let account: RelayAccount;
  try {
    account = parseRelayAccount(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, checks: [fail('relay-account-encoding', error.message)] };
  }
  const checks = [
    pass('relay-account-encoding', 'canonical'),
    equalBytes(hashHybridKey(crypto, publicKey), account.relayId) &&
    verifyHybrid(crypto, { publicKey, message: bytes, signature })
      ? pass('relay-account-signature', 'signed by the relay that it names')
      : fail('relay-account-signature', 'not signed by the relay that it names'),
    equalBytes(account.certHash, given.certHash)
      ? pass('relay-account-node', 'about this node')
      : fail('relay-account-node', 'about another node'),
    checkGrowth(account, given.previous),
    checkCounted(account, given.counted),
  ];
  return { ok: isOk(checks), checks, account };
}

function checkGrowth(account: RelayAccount, previous: RelayAccount | undefined): Check {
  if (previous === undefined || previous.sinceMs !== account.sinceMs) {
    return skip('relay-account-growth', 'the first of its run');
  }
  const shrinks = (['toNode', 'fromNode', 'links', 'untilMs'] as const).find((name) => account[name] < previous[name]);
  return shrinks === undefined
    ? pass('relay-account-growth', 'every count is at least the one before')
    : fail('relay-account-growth', `${shrinks} is less than before`);
}

function checkCounted(
  { toNode, fromNode }: RelayAccount,
  counted: { readonly toNode: bigint; readonly fromNode: bigint } | undefined,
): Check {
  if (counted === undefined) return skip('relay-account-bytes', 'nobody here counted');
  return fromNode <= counted.fromNode + UNCERTAIN_BYTES && toNode <= counted.toNode + UNCERTAIN_BYTES
    ? pass('relay-account-bytes', 'no more than the node counted')
    : fail(
        'relay-account-bytes',
        `${toNode} bytes to the node and ${fromNode} from it; it counted ${counted.toNode} and ${counted.fromNode}`,
      );
}

/** Bytes that one side may count and the other not: bytes on their way, or lost with broken links. */
export const UNCERTAIN_BYTES = 16n * 1024n * 1024n;

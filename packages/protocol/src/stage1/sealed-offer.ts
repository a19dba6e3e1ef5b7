import { ProtocolError, toBase64, toHex } from '../base/bytes.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import type { SignedValidatorSealKey } from '../sealing/validator-seal-key.ts';
import { asAddress, asBytes, asObject, asSigned, asText, CHAIN_ID, type SignedBytes } from './receipt.ts';

/**
 * A gateway's offer to a client that seals its request itself (docs/spec/sealed-calls.md). It has a provider that a router has
 * drawn for the hash of that request, and the key to seal it to.
 */
export interface SealedOffer {
  readonly ledger: LedgerDomain;
  /** The account that will order and pay, 20 bytes. */
  readonly payer: Uint8Array;
  /** The validator that will handle the reply, 20 bytes. */
  readonly validator: Uint8Array;
  readonly ticket: SignedBytes;
  /** The list of candidates of the draw. */
  readonly candidates: Uint8Array;
  /** Signed by the provider. */
  readonly sealKey: SignedBytes;
  /** The validator's signed seal key, to which a part is sealed if the reply breaks off. Absent if the gateway shows none. */
  readonly validatorKey?: SignedValidatorSealKey;
  /** Evidence that the provider's machine made for the client's nonce, in tiers of attested machines only. It vouches for `sealKey`. */
  readonly machine?: OfferedMachine;
}

/** A machine's key and its evidence, as the provider sent them. */
export interface OfferedMachine {
  /** Ed25519, 32 bytes. */
  readonly attestedKey: Uint8Array;
  /** JSON of docs/spec/machine-evidence.md. */
  readonly evidence: Uint8Array;
}

interface SignedJson {
  readonly bytes: string;
  readonly publicKey: string;
  readonly signature: string;
}

export interface SealedOfferJson {
  readonly ledger: { readonly chainId: string; readonly escrow: string };
  readonly payer: string;
  readonly validator: string;
  readonly ticket: SignedJson;
  readonly candidates: string;
  readonly sealKey: SignedJson;
  readonly validatorKey?: Omit<SignedJson, 'publicKey'>;
  readonly machine?: { readonly attestedKey: string; readonly evidence: string };
}

const toSigned = ({ bytes, publicKey, signature }: SignedBytes): SignedJson => ({
  bytes: toBase64(bytes),
  publicKey: toBase64(publicKey),
  signature: toBase64(signature),
});

export const toSealedOfferJson = ({
  ledger,
  payer,
  validator,
  ticket,
  candidates,
  sealKey,
  validatorKey,
  machine,
}: SealedOffer): SealedOfferJson => ({
  ledger: { chainId: `${ledger.chainId}`, escrow: `0x${toHex(ledger.verifyingContract)}` },
  payer: `0x${toHex(payer)}`,
  validator: `0x${toHex(validator)}`,
  ticket: toSigned(ticket),
  candidates: toBase64(candidates),
  sealKey: toSigned(sealKey),
  ...(validatorKey && {
    validatorKey: { bytes: toBase64(validatorKey.sealKey), signature: toBase64(validatorKey.signature) },
  }),
  ...(machine && {
    machine: { attestedKey: toBase64(machine.attestedKey), evidence: toBase64(machine.evidence) },
  }),
});

/** @throws ProtocolError naming the field. Unknown fields are ignored. */
export function parseSealedOffer(value: unknown): SealedOffer {
  const fields = asObject(value, 'offer');
  const { chainId, escrow } = asObject(fields.ledger, 'ledger');
  const chain = asText(chainId, 'ledger.chainId');
  if (!CHAIN_ID.test(chain)) throw new ProtocolError('malformed', 'offer field ledger.chainId: expected an integer');
  return {
    ledger: { chainId: BigInt(chain), verifyingContract: asAddress(escrow, 'ledger.escrow') },
    payer: asAddress(fields.payer, 'payer'),
    validator: asAddress(fields.validator, 'validator'),
    ticket: asSigned(fields.ticket, 'ticket'),
    candidates: asBytes(fields.candidates, 'candidates'),
    sealKey: asSigned(fields.sealKey, 'sealKey'),
    ...(fields.validatorKey !== undefined && { validatorKey: asValidatorKey(fields.validatorKey) }),
    ...(fields.machine !== undefined && { machine: asMachine(fields.machine) }),
  };
}

/** @throws ProtocolError */
function asMachine(value: unknown): OfferedMachine {
  const { attestedKey, evidence } = asObject(value, 'machine');
  return {
    attestedKey: asBytes(attestedKey, 'machine.attestedKey'),
    evidence: asBytes(evidence, 'machine.evidence'),
  };
}

/** @throws ProtocolError */
function asValidatorKey(value: unknown): SignedValidatorSealKey {
  const { bytes, signature } = asObject(value, 'validatorKey');
  return {
    sealKey: asBytes(bytes, 'validatorKey.bytes'),
    signature: asBytes(signature, 'validatorKey.signature'),
  };
}

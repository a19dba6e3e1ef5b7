import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import type { BeaconGeneration } from '../beacon/threshold/threshold-value.ts';
import { BLS_KEY_BYTES } from '../crypto/bls.ts';
import type { QuorumMember } from '../crypto/quorum.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import type { OrderKeyGrant } from '../exchange/order-key-grants.ts';
import { CHAIN_ID } from './receipt.ts';

/**
 * The consumer's own trust data, which does not come from the receipt. A check without its value is skipped. A receipt with a
 * skipped check is not ok, unless `allow` names it.
 */
export interface Trust {
  readonly ledger?: LedgerDomain;
  /** Settlement contract in the beacon's genesis and certificates. */
  readonly settlement?: Uint8Array;
  readonly validators?: readonly QuorumMember[];
  /** Keys of the threshold beacon. */
  readonly generations?: readonly BeaconGeneration[];
  /** Hashes of the hybrid keys of the routers that the consumer knows, 32 bytes each. */
  readonly routers?: readonly Uint8Array[];
  /** Published model root by model id. */
  readonly modelRoots?: Readonly<Record<string, Uint8Array>>;
  /** Keys that sign orders for other accounts, according to the chain. */
  readonly orderKeys?: readonly OrderKeyGrant[];
  /** Ids of checks that the consumer allows to be skipped. A failed check is never allowed. */
  readonly allow?: readonly string[];
}

/** A consumer's trust data as JSON (docs/spec/receipt.md): from a file that it ships with, or read from the chain. */
export interface TrustJson {
  readonly ledger?: { readonly chainId: string; readonly escrow: string };
  readonly settlement?: string;
  readonly validators?: readonly {
    readonly address: string;
    readonly signingKey: string;
    readonly stake: string;
    readonly certHash: string;
    readonly vrfKey: string;
    readonly endpoint: string;
  }[];
  readonly generations?: readonly {
    readonly generation: number;
    readonly key: string;
    readonly firstEpoch: string;
    readonly lastEpoch?: string;
  }[];
  readonly routers?: readonly string[];
  /** Published model root by model id. */
  readonly modelRoots?: Readonly<Record<string, string>>;
  readonly orderKeys?: readonly { readonly [name in 'payer' | 'validator' | 'key' | 'limit']: string }[];
  readonly allow?: readonly string[];
}

/** The form of a check's id. */
const CHECK_ID = /^[a-z][a-z0-9-]{0,63}$/;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Parses trust data. An unknown field is refused, because a misspelt one would silently skip a check.
 * @throws ProtocolError naming the field.
 */
export function parseTrust(input: unknown): Trust {
  const known = ['ledger', 'settlement', 'validators', 'generations', 'routers', 'modelRoots', 'orderKeys', 'allow'];
  const fields = asObject(input, 'trust', known);
  const { ledger, settlement, validators, generations, routers, modelRoots, orderKeys, allow } = fields;
  return {
    ...(ledger !== undefined && { ledger: parseLedger(ledger) }),
    ...(settlement !== undefined && { settlement: asHex(settlement, 'settlement', 20) }),
    ...(validators !== undefined && { validators: parseValidators(validators) }),
    ...(generations !== undefined && { generations: parseGenerations(generations) }),
    ...(routers !== undefined && { routers: parseRouters(routers) }),
    ...(modelRoots !== undefined && { modelRoots: parseRoots(modelRoots) }),
    ...(orderKeys !== undefined && { orderKeys: parseOrderKeys(orderKeys) }),
    ...(allow !== undefined && { allow: parseAllow(allow) }),
  };
}

/** @internal part of the SDK */
export function toTrustJson(trust: Trust): TrustJson {
  const { ledger, settlement, validators, generations, routers, modelRoots, orderKeys, allow } = trust;
  return {
    ...(ledger && { ledger: { chainId: `${ledger.chainId}`, escrow: write(ledger.verifyingContract) } }),
    ...(settlement && { settlement: write(settlement) }),
    ...(validators && {
      validators: validators.map(({ address, signingKey, stake, certHash, vrfKey, endpoint }) => ({
        address: write(address),
        signingKey: write(signingKey),
        stake: `${stake}`,
        certHash: write(certHash),
        vrfKey: write(vrfKey),
        endpoint,
      })),
    }),
    ...(generations && {
      generations: generations.map(({ generation, key, firstEpoch, lastEpoch }) => ({
        ...{ generation, key: write(key), firstEpoch: `${firstEpoch}` },
        ...(lastEpoch !== undefined && { lastEpoch: `${lastEpoch}` }),
      })),
    }),
    ...(routers && { routers: routers.map(write) }),
    ...(modelRoots && {
      modelRoots: Object.fromEntries(Object.entries(modelRoots).map(([id, root]) => [id, write(root)])),
    }),
    ...(orderKeys && {
      orderKeys: orderKeys.map(({ payer, validator, key, limitAtomic }) => ({
        ...{ payer: write(payer), validator: write(validator), key: write(key), limit: `${limitAtomic}` },
      })),
    }),
    ...(allow && { allow }),
  };
}

const write = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;

function parseLedger(value: unknown): LedgerDomain {
  const { chainId, escrow } = asObject(value, 'ledger', ['chainId', 'escrow']);
  if (typeof chainId !== 'string' || !CHAIN_ID.test(chainId)) throw malformed('ledger.chainId', 'a decimal integer');
  return { chainId: BigInt(chainId), verifyingContract: asHex(escrow, 'ledger.escrow', 20) };
}

/** Uint128, as the registry counts bonds. */
const STAKE = /^(?:0|[1-9][0-9]{0,38})$/;

function parseOrderKeys(value: unknown): OrderKeyGrant[] {
  if (!Array.isArray(value)) throw malformed('orderKeys', 'an array');
  return value.map((one: unknown, i) => {
    const name = `orderKeys[${i}]`;
    const { payer, validator, key, limit } = asObject(one, name, ['payer', 'validator', 'key', 'limit']);
    if (typeof limit !== 'string' || !STAKE.test(limit)) throw malformed(`${name}.limit`, 'a decimal integer');
    return {
      payer: asHex(payer, `${name}.payer`, 20),
      validator: asHex(validator, `${name}.validator`, 20),
      key: asHex(key, `${name}.key`, 20),
      limitAtomic: BigInt(limit),
    };
  });
}

function parseValidators(value: unknown): QuorumMember[] {
  if (!Array.isArray(value)) throw malformed('validators', 'an array');
  const seen = new Set<string>();
  return value.map((one: unknown, i) => {
    const name = `validators[${i}]`;
    const fields = asObject(one, name, ['address', 'signingKey', 'stake', 'certHash', 'vrfKey', 'endpoint']);
    const { stake, endpoint } = fields;
    if (typeof stake !== 'string' || !STAKE.test(stake)) throw malformed(`${name}.stake`, 'a decimal integer');
    if (typeof endpoint !== 'string') throw malformed(`${name}.endpoint`, 'a string');
    const address = asHex(fields.address, `${name}.address`, 20);
    if (seen.has(toHex(address))) throw malformed(`${name}.address`, 'another validator than those before');
    seen.add(toHex(address));
    return {
      ...{ address, stake: BigInt(stake), endpoint },
      signingKey: asHex(fields.signingKey, `${name}.signingKey`, 20),
      certHash: asHex(fields.certHash, `${name}.certHash`, 32),
      vrfKey: asHex(fields.vrfKey, `${name}.vrfKey`, 32),
    };
  });
}

/** Uint64. */
const EPOCH = /^(?:0|[1-9][0-9]{0,19})$/;

function parseGenerations(value: unknown): BeaconGeneration[] {
  if (!Array.isArray(value)) throw malformed('generations', 'an array');
  return value.map((one: unknown, i) => {
    const name = `generations[${i}]`;
    const fields = asObject(one, name, ['generation', 'key', 'firstEpoch', 'lastEpoch']);
    const { generation, firstEpoch, lastEpoch } = fields;
    if (generation !== i + 1) throw malformed(`${name}.generation`, `${i + 1}`);
    const epoch = (field: string, text: unknown): bigint => {
      if (typeof text !== 'string' || !EPOCH.test(text)) throw malformed(`${name}.${field}`, 'a decimal integer');
      return BigInt(text);
    };
    return {
      ...{ generation, key: asHex(fields.key, `${name}.key`, BLS_KEY_BYTES) },
      firstEpoch: epoch('firstEpoch', firstEpoch),
      lastEpoch: lastEpoch === undefined ? undefined : epoch('lastEpoch', lastEpoch),
    };
  });
}

function parseRouters(value: unknown): Uint8Array[] {
  if (!Array.isArray(value)) throw malformed('routers', 'an array');
  return value.map((one: unknown, i) => asHex(one, `routers[${i}]`, 32));
}

/** @throws ProtocolError if the value is no list of possible check ids. */
export function parseAllow(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw malformed('allow', 'an array');
  return value.map((one: unknown, i) => {
    if (typeof one !== 'string' || !CHECK_ID.test(one)) throw malformed(`allow[${i}]`, 'the id of a check');
    return one;
  });
}

function parseRoots(value: unknown): Record<string, Uint8Array> {
  const entries = Object.entries(asObject(value, 'modelRoots'));
  return Object.fromEntries(entries.map(([id, root]) => [id, asHex(root, `modelRoots[${id}]`, 32)]));
}

function malformed(field: string, expected: string): ProtocolError {
  return new ProtocolError('malformed', `trust field ${field}: expected ${expected}`);
}

function asObject(value: unknown, field: string, known?: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(field, 'an object');
  const unknown = known && Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw malformed(`${field}.${unknown}`, 'nothing of this name');
  return value as Fields;
}

function asHex(value: unknown, field: string, length: number): Uint8Array {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value) || value.length !== 2 + 2 * length) {
    throw malformed(field, `0x and ${2 * length} hex digits`);
  }
  return fromHex(value.slice(2), length);
}

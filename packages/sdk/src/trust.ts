import { fromHex, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Trust } from '@ogong/protocol/stage1/verify-receipt';

/** What a consumer takes for granted, as JSON: from a file it ships with, or read from the chain. */
export interface TrustJson {
  readonly ledger?: { readonly chainId: string; readonly escrow: string };
  readonly settlement?: string;
  readonly validators?: readonly {
    readonly address: string;
    readonly stake: string;
    readonly certHash: string;
    readonly vrfKey: string;
    readonly endpoint: string;
  }[];
  /** Published model root by model id. */
  readonly modelRoots?: Readonly<Record<string, string>>;
}

const read = (hex: string, length: number): Uint8Array => fromHex(hex.replace(/^0x/, ''), length);
const write = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;

/** @throws ProtocolError */
export function parseTrust({ ledger, settlement, validators, modelRoots }: TrustJson): Trust {
  return {
    ...(ledger && { ledger: { chainId: readInteger(ledger.chainId), verifyingContract: read(ledger.escrow, 20) } }),
    ...(settlement !== undefined && { settlement: read(settlement, 20) }),
    ...(validators && {
      validators: validators.map(({ address, stake, certHash, vrfKey, endpoint }) => ({
        address: read(address, 20),
        stake: readInteger(stake),
        certHash: read(certHash, 32),
        vrfKey: read(vrfKey, 32),
        endpoint,
      })),
    }),
    ...(modelRoots && { modelRoots: mapValues(modelRoots, (root) => read(root, 32)) }),
  };
}

export function toTrustJson({ ledger, settlement, validators, modelRoots }: Trust): TrustJson {
  return {
    ...(ledger && { ledger: { chainId: `${ledger.chainId}`, escrow: write(ledger.verifyingContract) } }),
    ...(settlement && { settlement: write(settlement) }),
    ...(validators && {
      validators: validators.map(({ address, stake, certHash, vrfKey, endpoint }) => ({
        address: write(address),
        stake: `${stake}`,
        certHash: write(certHash),
        vrfKey: write(vrfKey),
        endpoint,
      })),
    }),
    ...(modelRoots && { modelRoots: mapValues(modelRoots, write) }),
  };
}

function readInteger(text: string): bigint {
  if (!/^[0-9]{1,39}$/.test(text)) throw new ProtocolError('malformed', `not a decimal integer: ${text.slice(0, 50)}`);
  return BigInt(text);
}

function mapValues<A, B>(object: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}

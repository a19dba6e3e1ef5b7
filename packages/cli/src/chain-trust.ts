import { readFileSync } from 'node:fs';
import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { readDeployment } from '@ogong/host/config/read-deployment';
import { httpUrl, text } from '@ogong/host/config/values';
import { fromHex } from '@ogong/protocol/base/bytes';
import { parseJson } from '@ogong/protocol/base/json';
import { parseTrust, type Trust } from '@ogong/sdk';
import { toPlainBytes } from './receipt-file.ts';

export const trustFields = {
  trust: {
    schema: text,
    label: '<path>',
    env: 'OGONG_TRUST',
    description: 'JSON file with trusted values: ledger, validators, published model roots',
  },
  rpcUrl: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_RPC_URL',
    description: 'JSON-RPC address of the chain to read the validators from, with --deployment',
  },
  deployment: {
    schema: text,
    label: '<path>',
    env: 'OGONG_DEPLOYMENT',
    description: 'JSON file with the addresses of the contracts',
  },
} as const;

export interface TrustSources {
  readonly trust: string | undefined;
  readonly rpcUrl: string | undefined;
  readonly deployment: string | undefined;
}

/** What receipts are checked against: from a file, or read from the chain; undefined if neither is given. */
export async function loadTrust(
  command: string,
  { trust, rpcUrl, deployment }: TrustSources,
): Promise<Trust | undefined> {
  if (trust !== undefined) return parseTrust(parseJson(toPlainBytes(readFileSync(trust))));
  if (deployment === undefined) return undefined;
  return readTrust(await createChainClient(readDeployment(command, { deployment, rpcUrl })));
}

/** Ledger, settlement contract and validator set, as the chain has them now. */
export async function readTrust(chain: Pick<ChainClient, 'deployment' | 'validators'>): Promise<Trust> {
  const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
  const { chainId, escrow, settlement } = chain.deployment;
  const validators = await chain.validators();
  return {
    ledger: { chainId: BigInt(chainId), verifyingContract: bytes(escrow) },
    settlement: bytes(settlement),
    validators: validators.map(({ signer, stake, endpoint, certHash, vrfKey }) => ({
      address: bytes(signer),
      stake,
      endpoint,
      certHash: bytes(certHash),
      vrfKey: bytes(vrfKey),
    })),
  };
}

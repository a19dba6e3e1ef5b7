import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { escrowAbi } from '@ogong/chain/generated/abi';
import { toAddress } from '@ogong/chain/hex';
import { createModelReads, type ModelVersion } from '@ogong/chain/registry/model-registry';
import { readOrderKeys } from '@ogong/chain/registry/order-keys';
import { createRouterReads } from '@ogong/chain/registry/router-reads';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { addPublishedRoot, type FindModelRoots, listRootsInForce } from '@ogong/protocol/stage1/published-root';
import type { Receipt, Trust } from '@ogong/sdk';
import { readGenerations } from '../data/beacon-history.ts';
import type { LedgerReading } from '../data/ledger.ts';
import type { ChainReader } from '../data/rpc.ts';

export interface NetworkTrustSources {
  readonly reader: ChainReader;
  readonly deployment: Deployment;
  readonly ledger: Pick<LedgerReading, 'validators'>;
}

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/**
 * Reads the chain's values for a receipt's network. They are contracts, validators, keys of its beacon, the order's router and signing key,
 * and the model's weights.
 */
export async function readNetworkTrust(
  receipt: Receipt,
  { reader, deployment, ledger }: NetworkTrustSources,
): Promise<Trust> {
  const keyLimitOf: ChainClient['keyLimitOf'] = (payer, validator, key) =>
    reader.read('limit of a key', (client) =>
      client.readContract({
        ...{ address: deployment.escrow, abi: escrowAbi, functionName: 'keyLimitOf' },
        args: [toAddress(payer, 'payer'), toAddress(validator, 'validator'), toAddress(key, 'key')],
      }),
    );
  const [generations, orderKeys, routers] = await Promise.all([
    readGenerations(reader, deployment),
    readOrderKeys(crypto, { keyLimitOf }, receipt),
    findRouters(receipt, { reader, deployment }),
  ]);
  const trust: Trust = {
    ledger: { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.escrow) },
    settlement: bytes(deployment.settlement),
    validators: ledger.validators,
    ...{ generations, orderKeys, routers },
  };
  return addPublishedRoot(trust, receipt, createRootFinder(reader, deployment));
}

/** Returns the trust that is known before an answer, and the source of published roots. Only a receipt names router and signing key. */
export function createOfferTrust({ reader, deployment, ledger }: NetworkTrustSources): {
  readonly trust: Trust;
  readonly findModelRoots: FindModelRoots;
} {
  return {
    trust: {
      ledger: { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.escrow) },
      settlement: bytes(deployment.settlement),
      validators: ledger.validators,
    },
    findModelRoots: createRootFinder(reader, deployment),
  };
}

async function findRouters(
  receipt: Receipt,
  { reader, deployment }: Pick<NetworkTrustSources, 'reader' | 'deployment'>,
): Promise<Uint8Array[]> {
  let router: Uint8Array;
  try {
    ({ router } = parseOrder(receipt.order.bytes));
  } catch {
    // The checks will say so.
    return [];
  }
  const found = await createRouterReads(reader, deployment.staking).routerOf(`0x${toHex(router)}`);
  return found === undefined ? [] : [bytes(found.ticketKey)];
}

function createRootFinder(reader: ChainReader, deployment: Deployment): FindModelRoots {
  const models = createModelReads(reader, deployment.models);
  return async (modelId, span) => {
    let name: { maker: string; model: string };
    try {
      name = parseModelId(modelId);
    } catch {
      return undefined;
    }
    return listRootsInForce((await models.modelVersions(name)).map(toPublishedRoot), span);
  };
}

const toPublishedRoot = ({ modelRoot, from, until }: ModelVersion) => ({
  modelRoot: bytes(modelRoot),
  fromMs: Number(from) * 1000,
  untilMs: until === undefined ? undefined : Number(until) * 1000,
});

import { type ChainClient, createChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { nameEndpoint } from '@ogong/chain/endpoint';
import { ChainError } from '@ogong/chain/errors';
import { type HostPort, parseHostPort } from '@ogong/host/link/host-port';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Diagnosis } from './diagnosis.ts';
import { examineCertificates, type PinnedPeer, type SeenCertificate } from './examine-certificates.ts';

/** Daemons compare times of theirs with the chain's; tickets and orders allow 30 s. */
const MOST_AHEAD_S = 30;
/** A chain that makes no block settles nothing. */
const MOST_SILENT_S = 900;
const MOST_ASKED = 64;

export interface ChainPlace {
  readonly rpcUrl: string;
  readonly deployment: Deployment;
}

interface Surroundings {
  readonly nowMs: number;
  readonly isThere: (endpoint: HostPort) => Promise<boolean>;
  /** Default: certificates are not looked at. */
  readonly see?: (peer: PinnedPeer) => Promise<SeenCertificate>;
}

/** Chain, clock, contracts and validators. If the chain does not answer, the rest is skipped. */
export async function examineChain(
  { rpcUrl, deployment }: ChainPlace,
  around: Surroundings,
): Promise<readonly Diagnosis[]> {
  try {
    const client = await createChainClient({ rpcUrl, deployment });
    const [block, contracts, validators] = await Promise.all([
      client.transactor.read('newest block', (reader) => reader.getBlock()),
      examineContracts(client),
      client.validators(),
    ]);
    const ageSeconds = around.nowMs / 1_000 - Number(block.timestamp);
    const found = `chain ${deployment.chainId} at ${nameEndpoint(rpcUrl)}, block ${block.number}`;
    return [
      { about: 'chain', status: 'ok', found },
      judgeClock(ageSeconds),
      contracts,
      ...(around.see && validators.length > 0
        ? [await examineCertificates(validators.slice(0, MOST_ASKED).map(toPinned), around.see)]
        : []),
      await examineValidators(validators, around),
    ];
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    const advice = 'check --rpc-url and --deployment: they have to be of one chain';
    return [{ about: 'chain', status: 'problem', found: error.message, advice }];
  }
}

const toPinned = ({ endpoint, certHash }: { readonly endpoint: string; readonly certHash: string }): PinnedPeer => ({
  endpoint,
  certHash: fromHex(certHash.slice(2)),
});

/** @param ageSeconds of the newest block, by this machine's clock; negative if the block is later. */
export function judgeClock(ageSeconds: number): Diagnosis {
  const about = 'clock';
  if (ageSeconds < -MOST_AHEAD_S) {
    return {
      ...{
        about,
        status: 'problem',
        found: `the chain's newest block is ${Math.round(-ageSeconds)} s later than this clock`,
      },
      advice: 'set the clock by NTP: orders and tickets of this machine look expired to others',
    };
  }
  if (ageSeconds > MOST_SILENT_S) {
    return {
      ...{ about, status: 'warning', found: `the chain's newest block is ${Math.round(ageSeconds / 60)} min old` },
      advice: 'the chain stands still, its endpoint lags behind, or this clock is fast; compare it with another clock',
    };
  }
  return { about, status: 'ok', found: `${Math.abs(Math.round(ageSeconds))} s from the chain's newest block` };
}

/** An address of the deployment without code is a deployment of something else. */
async function examineContracts({ deployment, transactor }: ChainClient): Promise<Diagnosis> {
  const about = 'contracts';
  const named = Object.entries(deployment).flatMap(([name, value]) =>
    typeof value === 'string' && /^0x[0-9a-f]{40}$/i.test(value) ? [[name, value as `0x${string}`] as const] : [],
  );
  const codes = await Promise.all(
    named.map(([, address]) => transactor.read('contract', (reader) => reader.getCode({ address }))),
  );
  const missing = named.filter((_, i) => (codes[i] ?? '0x') === '0x').map(([name]) => name);
  if (missing.length === 0) return { about, status: 'ok', found: `${named.length} addresses hold code` };
  return {
    ...{ about, status: 'problem', found: `no code at ${missing.join(', ')}` },
    advice: 'the deployment file is not of this chain, or was not finished',
  };
}

async function examineValidators(
  validators: Awaited<ReturnType<ChainClient['validators']>>,
  { isThere }: Surroundings,
): Promise<Diagnosis> {
  const about = 'validators';
  if (validators.length === 0) {
    const advice = 'nothing is admitted or settled until validators have registered';
    return { about, status: 'problem', found: 'none is registered', advice };
  }
  const asked = validators.slice(0, MOST_ASKED);
  const there = await Promise.all(asked.map(async ({ endpoint }) => isReachable(endpoint, isThere)));
  const stakeOf = (list: typeof asked): bigint => list.reduce((sum, { stake }) => sum + stake, 0n);
  const reached = stakeOf(asked.filter((_, i) => there[i]));
  const found = `${there.filter(Boolean).length} of ${asked.length} answer`;
  if (3n * reached > 2n * stakeOf(asked)) return { about, status: 'ok', found };
  return {
    ...{ about, status: 'problem', found: `${found}: with no more than two thirds of the stake` },
    advice: 'nothing settles without more than two thirds; if others see them, look at this network and its firewall',
  };
}

async function isReachable(endpoint: string, isThere: Surroundings['isThere']): Promise<boolean> {
  try {
    return await isThere(parseHostPort(endpoint));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

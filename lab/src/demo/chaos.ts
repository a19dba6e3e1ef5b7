import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { sum } from './claims/finding.ts';
import type { AskedReply, ChaosRecord, Member } from './run-record.ts';

export interface ChaosContext {
  readonly mesh: Mesh;
  readonly chain: ChainClient;
  readonly members: readonly Member[];
  readonly replies: readonly AskedReply[];
  readonly onProgress: (message: string) => void;
  readonly askNext: (count: number) => Promise<void>;
}

const requestsMeanwhile = 6;
/** Several settlement intervals. */
const downMs = 8_000;

/** Kills two of the validators, keeps asking, and starts them again. */
export async function runChaos(context: ChaosContext): Promise<ChaosRecord> {
  const { mesh, chain, members, replies, onProgress, askNext } = context;
  const validators = members.filter(({ role }) => role === 'validator');
  const killed = chooseVictims(validators, replies).map(({ name }) => name);
  onProgress(`killing ${killed.join(' and ')}: the others are no quorum`);
  await Promise.all(killed.map((name) => mesh.kill(name, 'SIGKILL')));
  const downSince = performance.now();
  const downSinceMs = Date.now();
  const firstBlock = Number(await readBlock(chain));
  const asked = replies.length;
  await askNext(requestsMeanwhile);
  await delay(Math.max(0, downMs - (performance.now() - downSince)));
  const lastBlock = Number(await readBlock(chain));
  onProgress(`starting ${killed.join(' and ')} again`);
  await Promise.all(killed.map((name) => mesh.restart(name)));
  const sumBonds = (list: readonly Member[]): bigint => sum(list.map(({ bondAtomic = 0n }) => bondAtomic));
  return {
    killed,
    aliveBondAtomic: sumBonds(validators.filter(({ name }) => !killed.includes(name))),
    totalBondAtomic: sumBonds(validators),
    downSinceMs,
    firstBlock,
    lastBlock,
    answered: replies.filter(({ number, receipts }) => number > asked && receipts).map(({ number }) => number),
  };
}

/** Returns the validator of the last answer, which has unsettled replies, and another one. */
function chooseVictims(validators: readonly Member[], replies: readonly AskedReply[]): Member[] {
  const last = replies.findLast(({ receipts }) => receipts)?.receipts;
  const handler = last && `0x${toHex(parseOrder(last.full.order.bytes).validator)}`;
  const isHandler = ({ address }: Member): boolean => address === handler;
  return [...validators.filter(isHandler), ...validators.filter((member) => !isHandler(member))].slice(0, 2);
}

const readBlock = ({ transactor }: ChainClient): Promise<bigint> =>
  transactor.read('block number', (client) => client.getBlockNumber());

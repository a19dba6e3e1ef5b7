import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { readLastOrder } from '../bad-days/stores.ts';
import { replyIdOf } from './claims/finding.ts';
import type { PlannedRequest } from './prompts.ts';
import type { AskedReply, FailoverRecord, Member } from './run-record.ts';

export interface FailoverContext {
  readonly mesh: Mesh;
  readonly members: readonly Member[];
  readonly onProgress: (message: string) => void;
  /** Sends one more request. @param onText called for each piece of its answer; the next one waits. */
  readonly askOne: (
    request: Omit<PlannedRequest, 'number'>,
    onText: (text: string, request: Uint8Array) => Promise<void>,
  ) => Promise<AskedReply>;
}

/** A small model may finish before its provider is killed. */
const MOST_TRIES = 8;
const LONG_TOKENS = 180;
/** Its draws follow from the seed, so that another provider can continue. */
const STORY = {
  prompt: 'Once upon a time there was a lighthouse that wanted to see the sea from below.',
  isStreamed: true,
  parameters: { temperature: 0.8, seed: 11, max_tokens: LONG_TOKENS },
} as const;

/** Kills the provider of a stream after the first piece, and restarts it after the answer. */
export async function runFailover({ mesh, members, onProgress, askOne }: FailoverContext): Promise<FailoverRecord> {
  for (let tries = 1; ; tries++) {
    let killed: Member | undefined;
    let came = '';
    const reply = await askOne(STORY, async (text, request) => {
      came += text;
      if (killed !== undefined) return;
      killed = findServing(mesh, members, request);
      onProgress(`killing ${killed.name} in the middle of its answer`);
      await mesh.kill(killed.name, 'SIGKILL');
    });
    if (killed !== undefined) await mesh.restart(killed.name);
    const record = {
      killed: killed?.name ?? 'nobody',
      killedId: killed?.providerId ?? '',
      number: reply.number,
      ...(await readShown(mesh, reply, came)),
    };
    if (record.shownBytes > 0 || tries === MOST_TRIES) return record;
  }
}

/** Finds the provider by its order, because validators buy answers at the same gateway meanwhile. */
function findServing({ plan }: Mesh, members: readonly Member[], request: Uint8Array): Member {
  const order = readLastOrder(plan.directory, hashRequest(nodeCrypto, 'chat', request));
  const id = order && toHex(parseOrder(order).providerId);
  const serving = members.find(({ providerId }) => providerId === id);
  if (serving === undefined) throw new Error('no provider has the order of this request');
  return serving;
}

/** Reads the part of an answer that the client had when the first provider failed; empty if none failed. @param came all pieces */
async function readShown(
  { plan }: Mesh,
  reply: AskedReply,
  came: string,
): Promise<Pick<FailoverRecord, 'shownBytes' | 'shown' | 'signedBytes'>> {
  const replyId = replyIdOf(reply);
  if (replyId === undefined) return { shownBytes: 0, shown: '', signedBytes: 0 };
  const response = await fetch(`${plan.gatewayUrl}/v1/receipts/${replyId}?compact=1`);
  const { earlier_tries = [] } = (await response.json()) as {
    earlier_tries?: { shown_bytes: number; signed_bytes?: number }[];
  };
  const { shown_bytes: shownBytes = 0, signed_bytes: signedBytes = 0 } = earlier_tries[0] ?? {};
  return { shownBytes, shown: Buffer.from(came).subarray(0, shownBytes).toString(), signedBytes };
}

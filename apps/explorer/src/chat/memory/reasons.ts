import type { PanelMemories } from './memory-client.ts';
import { CALL_NAMES, type CallName, type KnownMemory, type ProvenCall } from './parse-memory.ts';
import { readReplyId } from './read-reply.ts';

/** A call that made a memory: its reply, or the reason for none. */
export interface CallFacts {
  readonly name: CallName;
  /** Undefined if the receipt is another one than the memory names, or was erased. */
  readonly call?: ProvenCall;
  readonly replyId?: string;
  readonly absence?: string;
}

export interface Reasons {
  readonly calls: readonly CallFacts[];
  /** Versions that this memory replaced, the newest first. */
  readonly older: readonly KnownMemory[];
}

/** Reads the calls that a memory names, and its history. @throws the errors of the API. */
export async function readReasons(
  api: Pick<PanelMemories, 'history' | 'readCalls'>,
  memory: KnownMemory,
): Promise<Reasons> {
  const { id, receipts } = memory;
  const [history, calls] = await Promise.all([api.history(id), receipts && api.readCalls(id)]);
  const named = CALL_NAMES.flatMap((name): readonly CallFacts[] => {
    const hash = receipts?.[name];
    if (hash === undefined) return [];
    const call = calls?.[name];
    if (call === undefined) return [{ name, absence: 'erased with another memory of the same call' }];
    try {
      const replyId = readReplyId(call.receipt, hash);
      return [{ name, call, ...(replyId === undefined ? { absence: 'in local mode' } : { replyId }) }];
    } catch (error) {
      return [{ name, absence: (error as Error).message }];
    }
  });
  return { calls: named, older: history.filter((one) => one.id !== id) };
}

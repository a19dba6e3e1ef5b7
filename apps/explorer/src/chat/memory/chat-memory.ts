import type { ChatTurn } from '../conversation.ts';
import { GatewayRefusal, type JsonCall } from '../gateway-call.ts';
import { isSealedModel } from '../sealed-model.ts';
import { createMemoryClient, NO_FILTER } from './memory-client.ts';

/** The user's choice, and the turns that it is about. */
interface MemoryPlace {
  readonly get: () => { readonly remembers: boolean; readonly turns: readonly ChatTurn[] };
  readonly publish: (change: { readonly hasMemory?: boolean; readonly problem?: string }) => void;
  readonly change: (id: number, part: Pick<ChatTurn, 'recalled' | 'kept'>) => void;
}

/** Memory is for text in plain: a search would show a sealed question to the gateway. */
const isPlain = ({ model, question, isPicture }: ChatTurn): boolean =>
  isPicture !== true && !isSealedModel(model) && question !== '';

/** Recalls memories for the turns of a chat, and stores them, while the user wants it. */
export function createChatMemory(call: (asked: JsonCall) => Promise<unknown>, { get, publish, change }: MemoryPlace) {
  const api = createMemoryClient(call);
  return {
    api,
    /** Looks whether the gateway keeps memories. One that keeps none does not know the path. */
    async find(): Promise<void> {
      try {
        await api.list(NO_FILTER);
        publish({ hasMemory: true });
      } catch (error) {
        if (error instanceof GatewayRefusal && error.status === 404) return;
        publish({ problem: `The memories were not read: ${(error as Error).message}` });
      }
    },
    /**
     * Searches the memories for a turn. Its question goes without them if the search fails.
     * @returns marked texts for the prompt. @throws the error of an abort.
     */
    async recall(turn: ChatTurn, signal: AbortSignal): Promise<readonly string[]> {
      if (!get().remembers || !isPlain(turn)) return [];
      try {
        const memories = await api.recall(turn.question, signal);
        change(turn.id, { recalled: { memories: memories.map(({ id, text }) => ({ id, text })) } });
        return memories.map(({ marked }) => marked);
      } catch (error) {
        signal.throwIfAborted();
        change(turn.id, { recalled: { problem: (error as Error).message } });
        return [];
      }
    },
    /** Stores the facts of an answered turn. @param at the time of its question, ISO 8601. */
    async keep(id: number, at: string): Promise<void> {
      const turn = get().turns.find((one) => one.id === id);
      if (!get().remembers || turn === undefined || !isPlain(turn)) return;
      const { question, answer, body } = turn;
      const kept = await api.remember({ question, answer, at }).then(
        (texts) => ({ texts }),
        (error: Error) => ({ problem: error.message }),
      );
      // A new chat counts its turns from the start again.
      if (get().turns.find((one) => one.id === id)?.body === body) change(id, { kept });
    },
  };
}

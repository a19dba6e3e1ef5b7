import type { NetworkStore } from '../data/store.ts';
import { checkTurn } from './check-turn.ts';
import { type ChatTurn, composeBody, loadTurns, saveTurns } from './conversation.ts';
import {
  type ChatModel,
  findSendProblem,
  GatewayRefusal,
  listChatModels,
  readReceiptText,
  streamAnswer,
} from './gateway.ts';

/** A chat, as the page shows it. */
export interface ChatState {
  readonly turns: readonly ChatTurn[];
  readonly models: readonly ChatModel[] | undefined;
  readonly model: string;
  /** Whether the gateway wants a key. */
  readonly wantsKey: boolean;
  readonly problem: string | undefined;
  readonly isAsking: boolean;
}

const PAUSE_MS = 2_500;
/** An audit and its batch are over by then; a later result shows when the page is opened again. */
const PATIENCE_MS = 300_000;

export type ChatSession = ReturnType<typeof createChatSession>;

export function createChatSession(
  { baseUrl, storage }: { readonly baseUrl: string; readonly storage: Storage },
  network: NetworkStore,
) {
  const listeners = new Set<(state: ChatState) => void>();
  let key = '';
  let asking: AbortController | undefined;
  let state: ChatState = {
    turns: loadTurns(storage),
    models: undefined,
    model: '',
    wantsKey: false,
    problem: undefined,
    isAsking: false,
  };

  function publish(change: Partial<ChatState>): void {
    state = { ...state, ...change };
    for (const listener of listeners) listener(state);
  }

  function change(id: number, part: Partial<ChatTurn>): void {
    publish({ turns: state.turns.map((turn) => (turn.id === id ? { ...turn, ...part } : turn)) });
    saveTurns(storage, state.turns);
  }

  async function refreshModels(): Promise<void> {
    try {
      const models = await listChatModels(baseUrl, key);
      const isKept = models.some(({ id }) => id === state.model);
      publish({ models, problem: undefined, wantsKey: false, model: isKept ? state.model : (models[0]?.id ?? '') });
    } catch (error) {
      const isUnknown = error instanceof GatewayRefusal && error.status === 401;
      publish({ wantsKey: isUnknown, problem: isUnknown && key === '' ? undefined : (error as Error).message });
    }
  }

  /** @returns whether the checks are complete. */
  async function look(id: number): Promise<boolean> {
    const turn = state.turns.find((one) => one.id === id);
    if (turn?.receiptPath === undefined || turn.body === undefined) return true;
    const receiptText = await readReceiptText(baseUrl, key, turn.receiptPath);
    const { body, answer, reasoning = '' } = turn;
    const found = await checkTurn({ body, answer, reasoning, receiptText }, network.get());
    change(id, {
      ...found,
      ...(found.feeAtomic === undefined ? {} : { feeAtomic: found.feeAtomic }),
    } as Partial<ChatTurn>);
    return found.checks.some((one) => one.id === 'settled' && one.status !== 'skip') || found.fate === 'abandoned';
  }

  async function watch(id: number): Promise<void> {
    for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; ) {
      try {
        if (await look(id)) return;
      } catch (error) {
        if (!(error instanceof GatewayRefusal)) {
          change(id, { problem: (error as Error).message });
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  return {
    get: () => state,
    subscribe(listener: (state: ChatState) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start(): void {
      void refreshModels();
      for (const { id, state: was, fate } of state.turns) if (was === 'answered' && fate !== 'settled') void watch(id);
    },
    choose: (model: string): void => publish({ model }),
    /** It is kept until the page is left. */
    signIn(secret: string): Promise<void> {
      key = secret.trim();
      return refreshModels();
    },
    stop: (): void => asking?.abort(),
    forget(): void {
      asking?.abort();
      publish({ turns: [] });
      saveTurns(storage, []);
    },
    /** With the key of this tab, which a plain link would not send. @throws GatewayRefusal */
    readReceipt: (path: string): Promise<string> => readReceiptText(baseUrl, key, path),
    compose: (question: string) => composeBody(state.turns, state.model, question),
    async ask(question: string): Promise<void> {
      const id = 1 + Math.max(0, ...state.turns.map((turn) => turn.id));
      const { model } = state;
      const problem = findSendProblem(model);
      if (problem !== undefined) return publish({ problem });
      const body = JSON.stringify({
        ...composeBody(state.turns, model, question),
        stream: true,
        stream_options: { include_usage: true },
        // The receipt is checked against this body, so that the gateway has to have nothing to add (docs/spec/request.md#unbroken-streams).
        seed: globalThis.crypto.getRandomValues(new Uint32Array(1))[0],
      });
      asking = new AbortController();
      publish({ turns: [...state.turns, { id, model, question, answer: '', body, state: 'asking' }], isAsking: true });
      try {
        const given = { baseUrl, key, body, signal: asking.signal };
        const { text, reasoning, receiptPath, tokens } = await streamAnswer(given, (so) =>
          publish({
            turns: state.turns.map((turn) =>
              turn.id === id ? { ...turn, answer: so.text, reasoning: so.reasoning, pieces: so.pieces } : turn,
            ),
          }),
        );
        change(id, {
          ...{ answer: text, reasoning, state: 'answered' },
          ...(receiptPath !== undefined && { receiptPath }),
          ...(tokens !== undefined && { tokens }),
        });
        void watch(id);
      } catch (error) {
        const isStopped = (error as Error).name === 'AbortError';
        change(id, {
          state: isStopped ? 'stopped' : 'failed',
          problem: isStopped ? 'stopped' : (error as Error).message,
        });
      } finally {
        asking = undefined;
        publish({ isAsking: false });
        void refreshModels();
      }
    },
  };
}

import type { NetworkStore } from '../data/store.ts';
import { askInPlain, askMachine, askPicture } from './ask.ts';
import {
  type AskedQuestion,
  type ChatBody,
  type ChatTurn,
  composeBody,
  loadTurns,
  type PictureBody,
  replaceFrom,
  saveTurns,
} from './conversation.ts';
import { type ChatModel, listChatModels, readReceiptText } from './gateway.ts';
import { callJson, GatewayRefusal } from './gateway-call.ts';
import { loadCallCheck, loadCheck } from './load-check.ts';
import { loadSealed } from './load-sealed.ts';
import { loadPolicy, savePolicy } from './machine-policy.ts';
import { createChatMemory } from './memory/chat-memory.ts';
import type { PanelMemories } from './memory/memory-client.ts';
import { isSealedModel } from './sealed-model.ts';
import { addProgress, type SealedReceipt } from './sealed-receipt.ts';

/** A chat, as the page shows it. */
export interface ChatState {
  readonly turns: readonly ChatTurn[];
  readonly models: readonly ChatModel[] | undefined;
  readonly model: string;
  /** Whether the gateway wants a key. */
  readonly wantsKey: boolean;
  readonly problem: string | undefined;
  readonly isAsking: boolean;
  /** Whether the user has given a policy for machines. */
  readonly hasPolicy: boolean;
  /** Why a given policy is not used. */
  readonly policyProblem: string | undefined;
  /** Whether the gateway keeps memories for the given key. */
  readonly hasMemory: boolean;
  /** Whether new questions recall memories, and their answers become memories. */
  readonly remembers: boolean;
}

const PAUSE_MS = 2_500;
/** An audit and its batch are over by then; a later result shows when the page is opened again. */
const PATIENCE_MS = 300_000;

export type ChatSession = ReturnType<typeof createChatSession>;

/** Adds the validator's confirmation, and what the gateway says of the reply, to a receipt that the page keeps. */
const addOwnProgress = async (held: SealedReceipt, told: Promise<string>): Promise<string> =>
  addProgress(
    held,
    await told.catch((error: unknown) => {
      if (error instanceof GatewayRefusal) return '{}';
      throw error;
    }),
  );

export function createChatSession(
  { baseUrl, storage }: { readonly baseUrl: string; readonly storage: Storage },
  network: NetworkStore,
) {
  const listeners = new Set<(state: ChatState) => void>();
  let key = '';
  let policy = loadPolicy(storage);
  /** Receipts of sealed answers by turn: no gateway has them whole. They are gone when the page is left. */
  const sealedReceipts = new Map<number, SealedReceipt>();
  let asking: AbortController | undefined;
  let state: ChatState = {
    turns: loadTurns(storage),
    models: undefined,
    model: '',
    wantsKey: false,
    problem: undefined,
    isAsking: false,
    hasPolicy: policy !== undefined,
    policyProblem: undefined,
    hasMemory: false,
    remembers: false,
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

  const makesPictures = (): boolean => state.models?.find(({ id }) => id === state.model)?.makesPictures === true;

  const readText = (path: string): Promise<string> => readReceiptText(baseUrl, key, path);

  /** @returns whether the checks are complete. */
  async function look(id: number): Promise<boolean> {
    const turn = state.turns.find((one) => one.id === id);
    if (turn?.receiptPath === undefined || turn.body === undefined) return true;
    const isSealed = isSealedModel(turn.model);
    const held = sealedReceipts.get(id);
    if (isSealed && held === undefined) return true;
    const receiptText = held
      ? await addOwnProgress(held, readText(turn.receiptPath))
      : await readText(turn.receiptPath);
    const { body, answer, reasoning = '', isPicture, picture, pictureHash } = turn;
    const given = {
      ...{ body, answer, reasoning, receiptText },
      ...(isSealed && { policy }),
      ...(isPicture && { made: { picture, hash: pictureHash } }),
    };
    const { checkTurn } = await loadCheck();
    const found = await checkTurn(given, network.get());
    change(id, found as Partial<ChatTurn>);
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

  const memory = createChatMemory((asked) => callJson({ baseUrl, key }, asked), { get: () => state, publish, change });

  /** Parts that come before the end are not kept in the history. */
  const show = (id: number, part: Partial<ChatTurn>): void =>
    publish({ turns: state.turns.map((turn) => (turn.id === id ? { ...turn, ...part } : turn)) });

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
    async signIn(secret: string): Promise<void> {
      key = secret.trim();
      await refreshModels();
      if (!state.wantsKey && key !== '') await memory.find();
    },
    memories: {
      ...memory.api,
      checkCall: async (call) => (await loadCallCheck()).checkCall(call, network.get()),
    } satisfies PanelMemories,
    setRemembers: (remembers: boolean): void => publish({ remembers }),
    stop: (): void => asking?.abort(),
    /** Takes a policy for machines, JSON; undefined: none any more. */
    async setPolicy(json: string | undefined): Promise<void> {
      try {
        if (json !== undefined) (await loadSealed()).readPolicy(json);
      } catch (error) {
        return publish({ policyProblem: (error as Error).message });
      }
      policy = json;
      savePolicy(storage, json);
      publish({ hasPolicy: json !== undefined, policyProblem: undefined });
    },
    forget(): void {
      asking?.abort();
      sealedReceipts.clear();
      publish({ turns: [], problem: undefined, remembers: false });
      saveTurns(storage, []);
    },
    /** With the key of this tab, which a plain link would not send. @throws GatewayRefusal */
    async readReceipt({ id, receiptPath = '' }: ChatTurn): Promise<string> {
      const held = sealedReceipts.get(id);
      return held === undefined ? readText(receiptPath) : addOwnProgress(held, readText(receiptPath));
    },
    compose: (question: AskedQuestion): ChatBody | PictureBody =>
      makesPictures() ? { model: state.model, prompt: question.text } : composeBody(state.turns, state.model, question),
    makesPictures,
    /** @param replacedId a turn that this question replaces, with all after it. */
    async ask(question: AskedQuestion, replacedId?: number): Promise<void> {
      const id = 1 + Math.max(0, ...state.turns.map((turn) => turn.id));
      const { model } = state;
      if (replacedId !== undefined) publish({ turns: replaceFrom(state.turns, replacedId) });
      const { text, pictures } = question;
      const isPicture = makesPictures();
      asking = new AbortController();
      const { signal } = asking;
      const turn: ChatTurn = {
        ...{ id, model, question: text, answer: '', state: 'asking' },
        ...(pictures.length > 0 && !isPicture && { pictures }),
        ...(isPicture && { isPicture }),
      };
      publish({
        turns: [...state.turns, turn],
        isAsking: true,
        problem: undefined,
      });
      try {
        const context = {
          ...{ baseUrl, key, policy, network: network.get(), signal },
          show: (part: Partial<ChatTurn>) => show(id, part),
          keep: (receipt: SealedReceipt) => void sealedReceipts.set(id, receipt),
        };
        const askedAt = new Date().toISOString();
        const recalled = await memory.recall(turn, signal);
        const body = composeBody(state.turns, model, question, recalled);
        const answered = isPicture
          ? askPicture({ model, prompt: text }, context)
          : (isSealedModel(model) ? askMachine : askInPlain)(body, context);
        change(id, { state: 'answered', ...(await answered) });
        void watch(id);
        void memory.keep(id, askedAt);
      } catch (error) {
        const problem = signal.aborted ? 'stopped' : (error as Error).message;
        change(id, { state: signal.aborted ? 'stopped' : 'failed', problem });
      } finally {
        asking = undefined;
        publish({ isAsking: false });
        void refreshModels();
      }
    },
  };
}

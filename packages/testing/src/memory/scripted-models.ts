import { createHash } from 'node:crypto';
import type { StoredEvidence } from '@ogong/memory/memory';
import { toEvidence } from '@ogong/memory/models/ask-fields';
import type { ChatAsk, MemoryModels } from '@ogong/memory/models/memory-models';
import { readSignedVectors } from '@ogong/memory/models/read-evidence';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { SYNTHETIC_MODEL } from '../synthetic/synthetic-reply.ts';
import { signChat } from './scripted-chat.ts';
import { embedByWords } from './scripted-embedding.ts';

/** A turn as an extractor reads it. */
export interface ScriptedTurn {
  readonly speaker: 'user' | 'assistant';
  readonly day: string;
  readonly sentences: readonly (readonly [n: number, text: string])[];
}

/** A new fact and the known ones, as the model reads them. */
export interface ScriptedQuestion {
  readonly text: string;
  readonly known: readonly { readonly number: number; readonly text: string }[];
}

/** Answers of a made-up model. A text stands as it is; other values are written as JSON. */
export interface MemoryScript {
  readonly extract: (turns: readonly ScriptedTurn[]) => string | readonly object[];
  /** Default: `add` for each. */
  readonly choose?: (question: ScriptedQuestion) => string;
  /** Number of the memory that answers a question, from 1. Default: 1. */
  readonly pick?: (question: string, memories: readonly string[]) => number;
  /** Default: one sentence for each fact. */
  readonly describe?: (facts: readonly string[]) => readonly object[];
}

export interface ScriptedModels extends MemoryModels {
  readonly asks: readonly ChatAsk[];
}

const EMBEDDING_MODEL = 'words';

/** @param isSigned whether answers have receipts of a made-up network. Vectors have those of local mode in any case. Default: false. */
export function createScriptedModels(script: MemoryScript, { isSigned = false } = {}): ScriptedModels {
  const asks: ChatAsk[] = [];
  return {
    asks,
    names: { chat: SYNTHETIC_MODEL, embedding: EMBEDDING_MODEL, rerank: 'letters' },
    async chat(ask) {
      asks.push(ask);
      const value = answerScript(script, ask);
      return { value, evidence: isSigned ? toSigned(ask, value) : toUnproven(`${asks.length}`, ask, value) };
    },
    async embed(texts) {
      const { receipt, request, response } = await embedByWords(EMBEDDING_MODEL, texts);
      const json = utf8Encode(JSON.stringify(toLocalReceiptJson(receipt)));
      const evidence = toEvidence({ endpoint: 'embedding', model: EMBEDDING_MODEL, receipt: json, request, response });
      return { value: readSignedVectors(evidence, texts.length), evidence };
    },
    async rerank(query, texts) {
      const value = texts.map((text) => -Math.abs(text.length - query.length));
      const evidence = toUnproven(hashText(query), { query, texts }, JSON.stringify(value));
      return { value, evidence };
    },
  };
}

function answerScript(script: MemoryScript, { messages }: ChatAsk): string {
  const shown = JSON.parse(messages.at(-1)?.content ?? '{}') as {
    readonly turns?: readonly ScriptedTurn[];
    readonly facts?: readonly (ScriptedQuestion & { readonly fact: number })[];
    readonly question?: string;
    readonly memories?: readonly { readonly text: string }[];
  };
  if (shown.turns !== undefined) {
    const memories = script.extract(shown.turns);
    return typeof memories === 'string' ? memories : JSON.stringify({ memories });
  }
  if (shown.question !== undefined) {
    const texts = (shown.memories ?? []).map(({ text }) => text);
    const number = script.pick?.(shown.question, texts) ?? 1;
    return JSON.stringify({ memories: [number], answer: texts[number - 1] ?? 'I do not know' });
  }
  const facts = shown.facts ?? [];
  if (facts[0]?.known === undefined) {
    const texts = facts.map(({ text }) => text);
    const sentences = script.describe?.(texts) ?? texts.map((text, index) => ({ text, from: [index + 1] }));
    return JSON.stringify({ sentences });
  }
  const choose = script.choose ?? (() => 'add');
  return JSON.stringify(Object.fromEntries(facts.map((fact) => [`fact${fact.fact}`, choose(fact)])));
}

function toSigned(ask: ChatAsk, value: string): StoredEvidence {
  const { receipt, request, response } = signChat(ask, value);
  return toEvidence({ endpoint: 'chat', model: SYNTHETIC_MODEL, receipt, request, response });
}

/** Evidence whose receipt is a number: for tests that check no receipts. */
const toUnproven = (name: string, asked: object, value: string): StoredEvidence =>
  toEvidence({
    ...{ endpoint: 'chat', model: SYNTHETIC_MODEL, receipt: utf8Encode(name) },
    ...{ request: utf8Encode(JSON.stringify(asked)), response: utf8Encode(value) },
  });

const hashText = (text: string): string => createHash('sha256').update(text).digest('hex');

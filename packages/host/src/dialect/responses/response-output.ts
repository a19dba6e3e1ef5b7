import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import { type AnswerToken, formatChatToken } from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { Json } from '../../openai/format.ts';
import type { ResponseStatus, ResponsesAnswer } from './response-object.ts';

/** Items of a response: reasoning, text and calls, in the order in which the model wrote them. */
export interface ResponseOutput {
  /** @returns the events of it, without their numbers. */
  write(piece: AnswerPiece, logprobs?: readonly AnswerToken[]): readonly Json[];
  /** Keeps log-probabilities for the next text. */
  hold(logprobs: readonly AnswerToken[]): readonly never[];
  /** Ends the last item. An answer without any has an empty text. */
  end(status: ResponseStatus): readonly Json[];
  /** Those that have begun. */
  items(): readonly Json[];
}

interface OpenItem {
  readonly kind: 'content' | 'reasoning' | 'arguments';
  readonly id: string;
  readonly fields: Json;
  text: string;
  logprobs: readonly Json[];
}

export function createResponseOutput({ identity, nameCall, namespaced }: ResponsesAnswer): ResponseOutput {
  const done: Json[] = [];
  let open: OpenItem | undefined;
  let held: readonly AnswerToken[] = [];

  function begin(kind: OpenItem['kind'], fields: Json = {}): readonly Json[] {
    const id = `${PREFIXES[kind]}_${identity.id.replace(/^[a-z]+_/, '')}_${done.length}`;
    open = { kind, id, fields, text: '', logprobs: [] };
    const item = toItem({ ...open }, 'in_progress', true);
    const added = { type: 'response.output_item.added', output_index: done.length, item };
    return kind === 'arguments'
      ? [added]
      : [added, { ...at(open), type: 'response.content_part.added', part: toPart(open) }];
  }
  const at = ({ id, kind }: OpenItem): Json => ({
    ...{ item_id: id, output_index: done.length },
    ...(kind !== 'arguments' && { content_index: 0 }),
  });

  function finish(status: ResponseStatus): readonly Json[] {
    if (open === undefined) return [];
    const ended = open;
    const item = toItem(ended, status, false);
    const events = [
      ...toDone(ended, at(ended)),
      { type: 'response.output_item.done', output_index: done.length, item },
    ];
    open = undefined;
    done.push(item);
    return events;
  }

  function add(kind: 'content' | 'reasoning', text: string, tokens: readonly AnswerToken[]): readonly Json[] {
    const begun = open?.kind === kind ? [] : [...finish('completed'), ...begin(kind)];
    const item = open as OpenItem;
    const logprobs = kind === 'content' ? tokens.map((token) => formatChatToken(token, token.alternatives)) : [];
    item.text += text;
    item.logprobs = [...item.logprobs, ...logprobs];
    const type = kind === 'content' ? 'response.output_text.delta' : 'response.reasoning_text.delta';
    return [...begun, { ...at(item), type, delta: text, ...(kind === 'content' && { logprobs }) }];
  }

  return {
    write(piece, logprobs = []) {
      if (piece.kind === 'call') {
        const named = namespaced.get(piece.name) ?? { name: piece.name };
        return [...finish('completed'), ...begin('arguments', { call_id: nameCall(piece.call), ...named })];
      }
      if (piece.kind === 'arguments') {
        const item = open as OpenItem;
        item.text += piece.text;
        return [{ ...at(item), type: 'response.function_call_arguments.delta', delta: piece.text }];
      }
      const tokens = [...held, ...logprobs];
      held = [];
      return add(piece.kind, piece.text, tokens);
    },
    hold(logprobs) {
      held = [...held, ...logprobs];
      return [];
    },
    end(status) {
      const begun = open === undefined && done.length === 0 ? begin('content') : [];
      return [...begun, ...finish(status)];
    },
    items: () => (open === undefined ? done : [...done, toItem(open, 'in_progress', false)]),
  };
}

const PREFIXES = { content: 'msg', reasoning: 'rs', arguments: 'fc' } as const;

const toPart = ({ kind, text, logprobs }: OpenItem): Json =>
  kind === 'content' ? { type: 'output_text', text, annotations: [], logprobs } : { type: 'reasoning_text', text };

/** @param isEmpty true for the event that begins an item. */
function toItem(item: OpenItem, status: ResponseStatus, isEmpty: boolean): Json {
  const { kind, id, fields, text } = item;
  if (kind === 'arguments') return { id, type: 'function_call', status, ...fields, arguments: text };
  const content = isEmpty ? [] : [toPart(item)];
  if (kind === 'reasoning') return { id, type: 'reasoning', status, summary: [], content };
  return { id, type: 'message', status, role: 'assistant', content };
}

function toDone(item: OpenItem, at: Json): readonly Json[] {
  const { kind, text, logprobs, fields } = item;
  if (kind === 'arguments') {
    return [{ ...at, type: 'response.function_call_arguments.done', name: fields.name, arguments: text }];
  }
  const part = { ...at, type: 'response.content_part.done', part: toPart(item) };
  if (kind === 'reasoning') return [{ ...at, type: 'response.reasoning_text.done', text }, part];
  return [{ ...at, type: 'response.output_text.done', text, logprobs }, part];
}

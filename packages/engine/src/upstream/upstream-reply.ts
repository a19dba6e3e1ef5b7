import type { StopReason } from '@ogong/protocol/modality/text/commitment/header';
import { encodeTokenWindow } from '@ogong/protocol/modality/text/commitment/token-window';
import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { createTextStream } from '../decode/text/text-stream.ts';
import { EngineError } from '../interface/engine-error.ts';
import { type TextGenerationEvent, type TextGenerationRequest, UNNAMED_TOKEN } from '../interface/text.ts';
import type { UpstreamChunk } from './read-chunk.ts';
import { createUpstreamCalls } from './upstream-calls.ts';

const NO_SKETCH = new Uint8Array();
const [THINKS, THOUGHT] = ['<think>', '</think>'];
const FINISHES: Readonly<Record<string, StopReason>> = {
  stop: 'stop-token',
  length: 'length',
  content_filter: 'stop-token',
};

/** Collects what a server says of one reply, as far as it can be believed: text, tokens, and how it ended. */
export interface UpstreamReply {
  /** @returns events of it; `isOver` if nothing more is wanted. @throws EngineError */
  add(chunk: UpstreamChunk): { readonly events: readonly TextGenerationEvent[]; readonly isOver: boolean };
  /** Its windows and its end. @param isCancelled it was broken off on this side. @throws EngineError if the server broke it off. */
  end(
    times: { readonly promptMs: number; readonly decodeMs: number },
    isCancelled: boolean,
  ): readonly TextGenerationEvent[];
}

export function createUpstreamReply(
  { stop, maxTokens, commit = true }: Pick<TextGenerationRequest, 'stop' | 'maxTokens' | 'commit'>,
  {
    names,
    maxTextBytes,
    offersTools = false,
  }: { readonly names: readonly string[]; readonly maxTextBytes: number; readonly offersTools?: boolean },
): UpstreamReply {
  const calls = createUpstreamCalls(maxTextBytes);
  const stream = createTextStream(stop);
  let text = '';
  let textBytes = 0;
  let pieces = 0;
  let shown = 0;
  const ids: number[] = [];
  let isThinking = false;
  let stopReason: StopReason | undefined;
  let usage: UpstreamChunk['usage'];

  const push = (bytes: Uint8Array): { readonly text: string; readonly stopped: boolean } => {
    textBytes += bytes.length;
    if (textBytes > maxTextBytes) {
      throw new EngineError(
        'engine-crashed',
        `the upstream server answers with more than ${maxTextBytes} bytes of text`,
      );
    }
    return stream.push(bytes);
  };
  /** Thoughts and calls stand between marks, which an answer format can read. */
  const spell = ({ content: words, reasoning, calls: parts, finish }: UpstreamChunk): string => {
    const content = words + calls.add(parts) + (finish === undefined ? '' : calls.end());
    let spelled = '';
    if (reasoning !== '') spelled += (isThinking ? '' : THINKS) + reasoning;
    isThinking ||= reasoning !== '';
    if (content !== '' && isThinking) {
      isThinking = false;
      spelled += THOUGHT;
    }
    return spelled + content;
  };

  return {
    add(chunk) {
      if (chunk.model !== undefined && !names.includes(chunk.model)) {
        throw new EngineError(
          'engine-crashed',
          `the upstream server answers with another model than ${names.join(' or ')}; start the provider again to have it looked at`,
        );
      }
      if (chunk.calls.length > 0 && !offersTools) {
        throw new EngineError('engine-crashed', 'the upstream server calls tools, which nobody offered');
      }
      usage = chunk.usage ?? usage;
      const spelled = spell(chunk);
      const said = [...chunk.ids, ...chunk.tokens.flatMap(({ id }) => (id === undefined ? [] : [id]))];
      ids.push(...said);
      shown += Math.max(chunk.ids.length, chunk.tokens.length);
      if (chunk.finish !== undefined) stopReason = readFinish(chunk, { stops: stop, offersTools });
      if (spelled === '') return { events: [], isOver: false };
      pieces++;
      const released = push(Buffer.from(spelled));
      text += released.text;
      if (released.stopped) stopReason = 'stop-string';
      return { events: [toTokenEvent(chunk, released.text)], isOver: released.stopped };
    },
    end(timings, isCancelled) {
      const reason = isCancelled ? 'cancelled' : stopReason;
      if (reason === undefined) {
        throw new EngineError('engine-crashed', 'the upstream server broke off its answer', { retryable: true });
      }
      if (isThinking) text += push(Buffer.from(THOUGHT)).text;
      text += stream.flush();
      const most = Math.min(maxTokens, Buffer.byteLength(text) + 1);
      const told =
        shown > 0
          ? shown
          : reason === 'cancelled' || reason === 'stop-string'
            ? pieces
            : (usage?.outputTokens ?? pieces);
      const least = reason === 'cancelled' ? 0 : 1;
      const outputTokens = Math.max(least, Math.min(told, most));
      const named = ids.length === outputTokens ? Uint32Array.from(ids) : new Uint32Array();
      return [
        ...(commit ? toWindows(outputTokens, named) : []),
        {
          kind: 'end',
          stopReason: reason,
          outputTokens: named,
          text,
          timings,
          cachedTokens: 0,
          counted: { promptTokens: usage?.promptTokens ?? 0, outputTokens },
        },
      ];
    },
  };
}

function readFinish(
  { finish, stop }: UpstreamChunk,
  { stops, offersTools }: { readonly stops: readonly string[]; readonly offersTools: boolean },
): StopReason {
  const reason = finish === 'tool_calls' && offersTools ? 'stop-token' : FINISHES[finish as string];
  if (reason === undefined) {
    throw new EngineError('engine-crashed', 'the upstream server ends its answer in a way that nobody asked for');
  }
  return reason === 'stop-token' && stop !== undefined && stops.includes(stop) ? 'stop-string' : reason;
}

function toTokenEvent({ tokens, ids }: UpstreamChunk, text: string): TextGenerationEvent {
  const [token] = tokens;
  const id = token?.id ?? ids[0] ?? UNNAMED_TOKEN;
  return {
    kind: 'token',
    token: { id, bytes: token?.bytes ?? Buffer.from(text), logprob: token?.logprob ?? Number.NaN },
    alternatives: (token?.alternatives ?? []).map((one) => ({ id: UNNAMED_TOKEN, ...one })),
    text,
  };
}

function toWindows(count: number, ids: Uint32Array): readonly TextGenerationEvent[] {
  return Array.from({ length: Math.ceil(count / WINDOW_TOKENS) }, (_, w) => {
    const from = w * WINDOW_TOKENS;
    const named = [...ids.subarray(from, from + WINDOW_TOKENS)];
    const draws = encodeTokenWindow({ count: Math.min(WINDOW_TOKENS, count - from), ids: named });
    return { kind: 'window', window: { draws, sketch: NO_SKETCH } };
  });
}

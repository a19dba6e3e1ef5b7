import { readJson } from '@ogong/protocol/base/json';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';

/** Content of an answer, or of a piece of one. */
export interface OllamaParts {
  readonly content: string;
  readonly thinking: string;
  /** Each is whole. */
  readonly calls: readonly OllamaCall[];
}

interface OllamaCall {
  readonly function: { readonly name: string; readonly arguments: object };
}

export const NO_PARTS: OllamaParts = { content: '', thinking: '', calls: [] };

/** Collects pieces into what Ollama shows: texts as they come, calls once they are whole. */
export interface OllamaCollector {
  add(pieces: readonly AnswerPiece[]): OllamaParts;
  /** The answer is over. */
  end(pieces: readonly AnswerPiece[]): OllamaParts;
}

export function createCollector(): OllamaCollector {
  let open: { readonly name: string; text: string } | undefined;
  const close = (): readonly OllamaCall[] => {
    const call = open;
    open = undefined;
    return call ? [{ function: { name: call.name, arguments: readArguments(call.text) } }] : [];
  };
  function add(pieces: readonly AnswerPiece[]): OllamaParts {
    let [content, thinking] = ['', ''];
    const calls: OllamaCall[] = [];
    for (const piece of pieces) {
      if (piece.kind === 'arguments') {
        if (open) open.text += piece.text;
        continue;
      }
      calls.push(...close());
      if (piece.kind === 'call') open = { name: piece.name, text: '' };
      else if (piece.kind === 'content') content += piece.text;
      else thinking += piece.text;
    }
    return { content, thinking, calls };
  }
  return {
    add,
    end(pieces) {
      const { calls, ...texts } = add(pieces);
      return { ...texts, calls: [...calls, ...close()] };
    },
  };
}

export const joinParts = (a: OllamaParts, b: OllamaParts): OllamaParts => ({
  content: a.content + b.content,
  thinking: a.thinking + b.thinking,
  calls: [...a.calls, ...b.calls],
});

export const isNothing = ({ content, thinking, calls }: OllamaParts): boolean =>
  content === '' && thinking === '' && calls.length === 0;

/** Whether a piece is content alone. */
export const isContent = ({ content, thinking, calls }: OllamaParts): boolean =>
  content !== '' && thinking === '' && calls.length === 0;

/** The rest of the arguments in a reply that was cut short is no JSON. */
function readArguments(text: string): object {
  try {
    const value = readJson(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

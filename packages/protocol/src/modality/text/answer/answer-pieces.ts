/** A part of an answer, in the order of the reply. */
export type AnswerPiece =
  | { readonly kind: 'content' | 'reasoning'; readonly text: string }
  /** A call begins. Calls are counted from 0. */
  | { readonly kind: 'call'; readonly call: number; readonly name: string }
  /** More of the arguments of the call that began last: JSON, as the model wrote it. */
  | { readonly kind: 'arguments'; readonly call: number; readonly text: string };

/** The output of the parsers of all families. */
export interface AnswerPieces {
  content(text: string): void;
  reasoning(text: string): void;
  /** Ends the reasoning: white space after it is dropped. */
  endReasoning(): void;
  /** Begins a call: white space before and after it is dropped. */
  call(name: string): void;
  arguments(text: string): void;
  /** Returns the pieces since the last call. */
  drain(): readonly AnswerPiece[];
  /** Ends the reply. White space that was held back becomes content. */
  end(): void;
}

export function createAnswerPieces(): AnswerPieces {
  let pieces: AnswerPiece[] = [];
  let calls = 0;
  /** White space at the end of a section. It is dropped if another kind of section follows. */
  let held = '';
  let section: 'content' | 'reasoning' = 'content';
  let isAtStart = false;

  const push = (piece: AnswerPiece): void => {
    const last = pieces.at(-1);
    if (last && last.kind === piece.kind && 'text' in last && 'text' in piece) {
      pieces[pieces.length - 1] = { ...last, text: last.text + piece.text };
    } else pieces.push(piece);
  };
  const write = (kind: 'content' | 'reasoning', text: string): void => {
    if (section !== kind) {
      held = '';
      isAtStart = true;
      section = kind;
    }
    const body = text.trimEnd();
    if (body === '') {
      if (!isAtStart) held += text;
      return;
    }
    push({ kind, text: isAtStart ? body.trimStart() : held + body });
    held = text.slice(body.length);
    isAtStart = false;
  };
  return {
    content: (text) => write('content', text),
    reasoning: (text) => write('reasoning', text),
    endReasoning() {
      [held, section, isAtStart] = ['', 'content', true];
    },
    call(name) {
      [held, section, isAtStart] = ['', 'content', true];
      push({ kind: 'call', call: calls++, name });
    },
    arguments(text) {
      if (text !== '') push({ kind: 'arguments', call: calls - 1, text });
    },
    drain() {
      const drained = pieces;
      pieces = [];
      return drained;
    },
    end() {
      if (section === 'content' && held !== '') push({ kind: 'content', text: held });
      held = '';
    },
  };
}

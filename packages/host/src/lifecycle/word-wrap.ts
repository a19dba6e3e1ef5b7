/** Text that a terminal shows as it comes. */
export interface StreamedText {
  /** @param piece any part of the text; it may end within a word. */
  write(piece: string): void;
  /** Writes the last word. */
  end(): void;
}

/** Characters that take two columns, and between which a line may break. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
/** Marks and joiners that take none. */
const NARROW = /[\p{M}\p{Cf}]/u;

const widthOf = (character: string): number => (WIDE.test(character) ? 2 : NARROW.test(character) ? 0 : 1);

/** The beginning of a line that opens or closes a block of code. */
const FENCE = /^ {0,3}(?:```|~~~)/;
const FENCE_LENGTH = 6;

/**
 * Wraps streamed text between words, so that no word is broken across two lines. A word is held back until it ends. A word longer than a
 * line, and code between fences, is left to the terminal.
 * @param readColumns width of the terminal; undefined or 0 leaves all text as it is.
 */
export function createWordWrap(write: (text: string) => void, readColumns: () => number | undefined): StreamedText {
  let column = 0;
  let spaces = '';
  let word = '';
  let wordWidth = 0;
  /** Whether the beginning of the word is shown already, because the word is longer than a line. */
  let isBegun = false;
  /** The first characters of the line in the text, which may be wrapped already. */
  let head = '';
  let isCode = false;
  let shown = '';

  function flush(columns: number): void {
    if (word === '') return;
    const needed = spaces.length + wordWidth;
    if (column > 0 && !isBegun && wordWidth > 0 && column + needed > columns) {
      shown += '\n';
      column = 0;
      // Spaces at which the line breaks are dropped; those that indent a line are not.
      spaces = '';
    }
    shown += spaces + word;
    column += spaces.length + wordWidth;
    // The terminal wraps a longer word by itself.
    if (column > columns) column %= columns;
    spaces = '';
    word = '';
    wordWidth = 0;
  }

  function add(character: string, columns: number): void {
    if (character === '\n') {
      flush(columns);
      isBegun = false;
      shown += `${spaces}\n`;
      if (FENCE.test(head)) isCode = !isCode;
      spaces = '';
      head = '';
      column = 0;
      return;
    }
    if (head.length < FENCE_LENGTH) head += character;
    if (isCode) shown += character;
    else if (character === ' ' || character === '\t') {
      flush(columns);
      isBegun = false;
      spaces += character === '\t' ? '    ' : ' ';
    } else {
      const width = widthOf(character);
      if (width === 2) {
        flush(columns);
        isBegun = false;
      }
      word += character;
      wordWidth += width;
      if (width !== 2 && wordWidth < columns) return;
      flush(columns);
      isBegun = width !== 2;
    }
  }

  return {
    write(piece) {
      const columns = readColumns() ?? 0;
      if (columns <= 0) {
        const rest = spaces + word;
        [spaces, word, wordWidth] = ['', '', 0];
        write(rest + piece);
        return;
      }
      shown = '';
      for (const character of piece) add(character, columns);
      if (shown !== '') write(shown);
    },
    end() {
      shown = '';
      flush(readColumns() || Number.POSITIVE_INFINITY);
      if (shown + spaces !== '') write(shown + spaces);
      [spaces, column, head, isCode, isBegun] = ['', 0, '', false, false];
    },
  };
}

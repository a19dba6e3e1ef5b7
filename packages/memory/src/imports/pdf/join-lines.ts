/** A run of text on a page. */
export interface TextRun {
  readonly str: string;
  /** Whether the line ends behind it. */
  readonly hasEOL: boolean;
  /** Matrix of PDF: the last two values are its place, in points from the bottom left. */
  readonly transform: readonly number[];
  /** Of its letters, points. */
  readonly height: number;
}

interface Line {
  text: string;
  /** Points above the bottom. */
  readonly y: number;
  readonly height: number;
}

/** Heights from one line of a paragraph to the next. */
const MAX_STEP = 1.8;
/** Letters of a heading differ by more. */
const MAX_GROWTH = 1.1;
const BULLET = /^(?:[•◦▪‣*–-]|\d{1,3}[.)])\s/;
const Y = 5;

/** Joins the runs of a page into its text. Lines of one paragraph become one line, so that a sentence is not cut at the margin. */
export function joinLines(runs: readonly TextRun[]): string {
  const lines = readLines(runs).filter(({ text }) => text.trim() !== '');
  return lines.map((line, index) => `${line.text.trim()}${joint(line, lines[index + 1])}`).join('');
}

function readLines(runs: readonly TextRun[]): readonly Line[] {
  const lines: Line[] = [];
  let isNew = true;
  for (const { str, hasEOL, transform, height } of runs) {
    const last = lines.at(-1);
    if (last === undefined || isNew) lines.push({ text: str, y: transform[Y] ?? 0, height });
    else last.text += str;
    isNew = hasEOL;
  }
  return lines;
}

function joint(line: Line, next: Line | undefined): string {
  if (next === undefined) return '';
  const [low, high] = [Math.min(line.height, next.height), Math.max(line.height, next.height)];
  const step = line.y - next.y;
  const isParagraph = step > 0 && step <= high * MAX_STEP && high <= low * MAX_GROWTH && !BULLET.test(next.text);
  return isParagraph ? ' ' : '\n';
}

import { MemoryError } from '../memory-error.ts';
import { type ExportOptions, type ImportedConversation, roleOf, toMessage } from './conversation.ts';

const DATE = String.raw`(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4}),? (\d{1,2}):(\d{2})(?::\d{2})?(?:[ \u202f]([ap])\.?m\.?)?`;
/** `[8/5/26, 12:00:00] Ana: text` of an iPhone, `8/5/26, 12:00 - Ana: text` of Android. */
const LINE = new RegExp(String.raw`^\u200e?(?:\[${DATE}\] |${DATE} - )([^:]{1,100}): (.*)$`, 'i');
const PARTS = 6;
/** Before it a year of two digits is of this century. */
const CENTURY = 2_000;
const HALF_DAY = 12;
const MAX_MONTH = 12;

interface Line {
  readonly first: number;
  readonly second: number;
  readonly year: number;
  readonly hour: number;
  readonly minute: number;
  readonly name: string;
  readonly words: string[];
}

/** Parses a chat that WhatsApp exported as text. Times count as UTC. @throws MemoryError `malformed` */
export function parseWhatsApp(text: string, options: ExportOptions): readonly ImportedConversation[] {
  const lines: Line[] = [];
  for (const line of text.split(/\r?\n/)) {
    const begun = readLine(line);
    if (begun !== undefined) lines.push(begun);
    else lines.at(-1)?.words.push(line);
  }
  if (lines.length === 0) throw new MemoryError('malformed', 'no line of the text begins as WhatsApp writes it');
  const isDayFirst = findOrder(lines, options) === 'dmy';
  const messages = lines.map(({ first, second, year, hour, minute, name, words }) => {
    const [day, month] = isDayFirst ? [first, second] : [second, first];
    const timeMs = Date.UTC(year, month - 1, day, hour, minute);
    return toMessage(roleOf([name], options), words.join('\n'), timeMs);
  });
  return [{ threadId: 'whatsapp', messages }];
}

function readLine(line: string): Line | undefined {
  const found = LINE.exec(line);
  if (found === null) return undefined;
  const parts = found[1] === undefined ? found.slice(PARTS + 1) : found.slice(1, PARTS + 1);
  const [first, second, year, hour, minute] = parts.slice(0, PARTS - 1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const half = parts[PARTS - 1]?.toLowerCase();
  return {
    ...{ first, second, minute },
    year: year < 100 ? CENTURY + year : year,
    hour: half === undefined ? hour : (hour % HALF_DAY) + (half === 'p' ? HALF_DAY : 0),
    name: found[2 * PARTS + 1]?.trim() ?? '',
    words: [found[2 * PARTS + 2] ?? ''],
  };
}

/** A wrong day would date memories wrongly, so a file that leaves it open is refused. */
function findOrder(lines: readonly Line[], { dates }: ExportOptions): 'dmy' | 'mdy' {
  if (dates !== undefined) return dates;
  const isDayFirst = lines.some(({ first }) => first > MAX_MONTH);
  const isMonthFirst = lines.some(({ second }) => second > MAX_MONTH);
  if (isDayFirst !== isMonthFirst) return isDayFirst ? 'dmy' : 'mdy';
  throw new MemoryError('malformed', 'the dates may begin with day or month: say dates=dmy or dates=mdy');
}

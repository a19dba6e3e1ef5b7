type WriteText = (text: string) => void;

const noted = new Set<string>();
const waiting: string[] = [];
let write: WriteText | undefined;

/** Writes a line about a variable, which is its first word, once for each process. It waits until the program has named its output. */
export function noteOnce(line: string): void {
  const [variable = line] = line.split(' ', 1);
  if (noted.has(variable)) return;
  noted.add(variable);
  if (write === undefined) waiting.push(line);
  else write(`${line}\n`);
}

/** Names the output for notes about settings, and writes those that wait. */
export function writeNotesTo(target: WriteText): void {
  write = target;
  for (const line of waiting.splice(0)) target(`${line}\n`);
}

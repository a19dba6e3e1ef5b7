import type { Output } from '@ogong/host/lifecycle/command';
import type { LostRow } from '@ogong/hub/evaluation/evaluation-lines';
import type { EvaluationSet } from '@ogong/hub/evaluation/evaluation-set';
import type { EvaluationFigures } from '@ogong/hub/evaluation/figures';

const MOST_LOST = 10;

const formatShare = (ppm: number): string => `${(ppm / 10_000).toFixed(1)} %`;

export const formatSet = ({ name, version, licence, hash, questions }: EvaluationSet): string =>
  `${name} ${version}  ${questions.length} questions  ${licence}  ${hash.slice(0, 16)}`;

/** Formats the share of right answers with its interval, then the lost questions by name. */
export function formatFigures(
  { counted, right, sharePpm, lowPpm, highPpm }: EvaluationFigures,
  lost: readonly LostRow[],
): string {
  const [low, high] = [lowPpm, highPpm].map(formatShare);
  const more = lost.length - MOST_LOST;
  return [
    `${right} of ${counted} right: ${formatShare(sharePpm)}, 95 % interval ${low} to ${high}`,
    ...lost.slice(0, MOST_LOST).map(({ id, problem }) => `not counted: ${id}: ${problem}`),
    ...(more > 0 ? [`not counted: ${more} more`] : []),
    '',
  ].join('\n');
}

/** Shows the number of rows so far on standard error. On a terminal one line is written anew. Elsewhere each tenth has a line. */
export function createRowLine(output: Pick<Output, 'writeError'>): (done: number, all: number, detail: string) => void {
  const isTerminal = process.stderr.isTTY === true;
  let lastTenth = 0;
  return (done, all, detail) => {
    const line = `${done}/${all}${detail}`;
    const tenth = Math.floor((10 * done) / all);
    // An output shows control sequences as text.
    if (isTerminal) process.stderr.write(`\r\u001b[K${line}${done === all ? '\n' : ''}`);
    else if (tenth > lastTenth) output.writeError(`${line}\n`);
    lastTenth = tenth;
  };
}

import { EngineError } from '../../interface/engine-error.ts';
import type { EncodedPicture } from '../../interface/vision.ts';
import type { PromptStretch } from './literal-text.ts';

/**
 * Writes the pieces of each picture in place of the template's mark: texts of control tokens, and one mark a row.
 * @param stretches of a prompt; only the template's own text holds marks.
 * @param mark undefined if the model reads no pictures.
 * @throws EngineError('invalid-request') if the template has not one mark a picture.
 */
export function writePictures(
  stretches: readonly PromptStretch[],
  mark: string | undefined,
  pictures: readonly Pick<EncodedPicture, 'pieces'>[] = [],
): readonly PromptStretch[] {
  if (pictures.length === 0) return stretches;
  if (mark === undefined) throw new EngineError('invalid-request', 'this model reads no pictures');
  const cut = stretches.map(({ text, literal }) => (literal ? [text] : text.split(mark)));
  const marks = cut.reduce((count, { length }) => count + length - 1, 0);
  if (marks !== pictures.length)
    throw new EngineError(
      'invalid-request',
      `the model's chat template has room for ${marks} of ${pictures.length} pictures in these messages`,
    );
  const written = pictures.map(({ pieces }) =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : mark.repeat(piece))).join(''),
  );
  let next = 0;
  return stretches.map(({ literal }, i) => {
    const [first = '', ...others] = cut[i] as readonly string[];
    return { text: others.reduce((text, rest) => text + written[next++] + rest, first), literal };
  });
}

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A trained encoder of pictures of 32x32 pixels beside a small language model, which names shape, colour and size. */
export const TINY_VISION_MODEL = join(import.meta.dirname, '../../models/tiny-shapes-vision');

/** A picture with a question about it and the right answer. */
export interface VisionExample {
  /** PNG. */
  readonly file: Uint8Array;
  readonly question: string;
  readonly answer: string;
}

/** Copies the model, so that a test can change it. @returns the copy. */
export function copyVisionModel(folder: string): string {
  const copy = join(folder, 'tiny-shapes-vision');
  cpSync(TINY_VISION_MODEL, copy, { recursive: true });
  return copy;
}

/** Reads the model's examples, with pictures that were drawn for it. */
export function readVisionExamples(): readonly VisionExample[] {
  const folder = join(TINY_VISION_MODEL, 'examples');
  const listed = JSON.parse(readFileSync(join(folder, 'examples.json'), 'utf8')) as readonly {
    readonly file: string;
    readonly question: string;
    readonly answer: string;
  }[];
  return listed.map(({ file, question, answer }) => ({ file: readFileSync(join(folder, file)), question, answer }));
}

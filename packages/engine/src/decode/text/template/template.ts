import { runTemplate } from './evaluate.ts';
import { Meter } from './meter.ts';
import { parseTemplate } from './parser.ts';
import { TemplateError, toValue } from './values.ts';

/** The template of every published model is shorter than 32 KiB. */
const MAX_SOURCE = 256 * 1_024;

/**
 * Steps of one rendering. A step is the evaluation of one node, or a piece of the text or list that it handles. A conversation of a
 * thousand messages needs less than a million steps; this many take a few seconds.
 */
export const RENDER_STEPS = 5_000_000;
/** Steps of a rendering that shows a property of the template, with one or two short messages. The templates of published models need some thousand. */
export const PROBE_STEPS = 100_000;

/** A template whose work and memory are bounded: its author may be a stranger. */
export interface Template {
  /**
   * @param fields plain values of JSON, values of a template, and functions.
   * @param maxSteps the work after which it stops. The count depends on template and fields alone, so every machine refuses the same.
   * @throws TemplateError if the template refuses the fields, or needs too much work.
   */
  render(fields: Readonly<Record<string, unknown>>, maxSteps: number): string;
}

/** @throws TemplateError if the source does not parse. */
export function createTemplate(source: string): Template {
  if (source.length > MAX_SOURCE) throw new TemplateError(`it has more than ${MAX_SOURCE} characters`);
  const statements = parseTemplate(source);
  return {
    render: (given, maxSteps) => {
      const fields = new Map(Object.entries(given).map(([name, value]) => [name, toValue(value)]));
      return runTemplate(statements, { fields, meter: new Meter(maxSteps) });
    },
  };
}

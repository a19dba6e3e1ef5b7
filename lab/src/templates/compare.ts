import { formatDay } from '@ogong/engine/decode/text/format-day';
import { createTemplate, RENDER_STEPS, type Template } from '@ogong/engine/decode/text/template/template';
import { parseExactJson } from '@ogong/protocol/base/exact-json';

/** Renderings of one template: the text of each conversation, null where it was refused. */
export type Renderings = readonly (string | null)[];

/** Renders a template with each list of fields. A refusal by anything but an error of the template is let through. */
export function renderAll(source: string, fields: readonly string[], day: number): Renderings {
  let template: Template;
  try {
    template = createTemplate(source);
  } catch (error) {
    if ((error as Error).name !== 'TemplateError') throw error;
    return fields.map(() => null);
  }
  const clock = { strftime_now: (format: unknown) => formatDay(day, String(format)) };
  return fields.map((each) => {
    const given = Object.fromEntries(parseExactJson(each) as ReadonlyMap<string, unknown>);
    try {
      return template.render({ ...given, ...clock }, RENDER_STEPS);
    } catch (error) {
      if ((error as Error).name !== 'TemplateError') throw error;
      return null;
    }
  });
}

/** How two programs render one template. */
export interface RenderingCounts {
  readonly equal: number;
  readonly differs: number;
  readonly refusedByBoth: number;
  readonly refusedByOne: number;
  /** The first conversation that differs, and how; empty without one. */
  readonly first: string;
}

const EXCERPT = 40;

/** Describes the first place where two texts differ. */
function describeDifference(expected: string | null, found: string | null): string {
  if (expected === null) return 'jinja2 alone refuses';
  if (found === null) return 'the project alone refuses';
  let at = 0;
  while (expected[at] === found[at]) at++;
  const [wanted, given] = [expected, found].map((text) => JSON.stringify(text.slice(at, at + EXCERPT)));
  return `at ${at} jinja2 writes ${wanted}, the project ${given}`;
}

/** @param names of the conversations. */
export function compareRenderings(names: readonly string[], expected: Renderings, found: Renderings): RenderingCounts {
  const isOther = names.map((_, i) => expected[i] !== found[i]);
  const isRefused = names.map((_, i) => [expected[i], found[i]].filter((text) => text === null).length);
  const count = (holds: (i: number) => boolean): number => names.filter((_, i) => holds(i)).length;
  const at = isOther.indexOf(true);
  return {
    equal: count((i) => !isOther[i] && isRefused[i] === 0),
    differs: count((i) => isOther[i] === true && isRefused[i] === 0),
    refusedByBoth: count((i) => isRefused[i] === 2),
    refusedByOne: count((i) => isRefused[i] === 1),
    first: at < 0 ? '' : `${names[at]}: ${describeDifference(expected[at] ?? null, found[at] ?? null)}`,
  };
}

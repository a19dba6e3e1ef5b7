import { randomUUID } from 'node:crypto';

/**
 * Prepares texts that differ in one string of their JSON. The rest is written once, as it costs more than the string.
 * @param format writes a text, which holds the string once.
 */
export function createTextTemplate(format: (value: string) => string): (value: string) => string {
  // A client cannot know the mark, so nothing else in the text holds it.
  const mark = randomUUID();
  const [before, behind, ...others] = format(mark).split(JSON.stringify(mark));
  if (behind === undefined || others.length > 0) throw new Error('a template holds its string once');
  return (value) => `${before}${JSON.stringify(value)}${behind}`;
}

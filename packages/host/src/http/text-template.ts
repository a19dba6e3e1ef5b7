/**
 * Prepares texts that differ in one string of their JSON. The rest is written once, as it costs more than the string.
 * @param format writes a text, which holds the string once.
 */
export function createTextTemplate(format: (value: string) => string): (value: string) => string {
  const mark = findMark(format(''));
  const [before, behind, ...others] = format(mark).split(JSON.stringify(mark));
  if (behind === undefined || others.length > 0) throw new Error('a template holds its string once');
  return (value) => `${before}${JSON.stringify(value)}${behind}`;
}

/** Returns a string that a text does not hold. The text may have strings of clients. */
function findMark(text: string): string {
  let number = 0;
  while (text.includes(`${number}`)) number++;
  return `${number}`;
}

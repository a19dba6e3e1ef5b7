const AREAS: readonly (readonly [string, RegExp])[] = [
  ['commits', /^commit /],
  ['docs', /\.md$/],
  ['contracts', /^contracts\//],
  ['python', /\.py$/],
  ['tests', /\.(?:test|fuzz)\.tsx?$/],
  ['testing', /^packages\/testing\//],
  ['lab', /^lab\//],
  ['scripts', /^(?:scripts\/|[^/]+$)/],
  ['product packages', /^/],
];

/** Names of the areas in the order of the table. */
export const areaNames: readonly string[] = AREAS.map(([name]) => name);

export const findArea = (path: string): string => AREAS.find(([, pattern]) => pattern.test(path))?.[0] ?? '';

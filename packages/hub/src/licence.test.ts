import { readFileSync } from 'node:fs';
import type { createHubVectors } from '@ogong/testing/hub/hub-vectors';
import { describe, expect, it } from 'vitest';
import { findLicenceProblem, parseLicence, RELATIONS } from './licence.ts';

const file = new URL('../../protocol/vectors/hub.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof createHubVectors>;

describe('an SPDX expression', () => {
  it.each([
    ['MIT', ['MIT']],
    ['GPL-2.0+', ['GPL-2.0+']],
    ['GPL-3.0-only WITH GCC-exception-3.1', ['GPL-3.0-ONLY']],
    ['LicenseRef-acme.1', ['LICENSEREF-ACME.1']],
    ['DocumentRef-a:LicenseRef-b', ['DOCUMENTREF-A:LICENSEREF-B']],
    ['MIT OR Apache-2.0 AND BSD-3-Clause', ['MIT', 'APACHE-2.0+BSD-3-CLAUSE']],
    ['(MIT OR Apache-2.0) AND BSD-3-Clause', ['MIT+BSD-3-CLAUSE', 'APACHE-2.0+BSD-3-CLAUSE']],
  ])('gives the alternatives of %s', (expression, alternatives) => {
    expect(parseLicence(expression).map((terms) => terms.map(({ id }) => id).join('+'))).toEqual(alternatives);
  });

  it.each([
    ...[
      '',
      ' ',
      'MIT ',
      ' MIT',
      'MIT  OR ISC',
      'MIT ISC',
      'AND',
      'MIT AND',
      'OR MIT',
      '(MIT',
      'MIT)',
      '()',
      'MIT WITH',
    ],
    ...[
      'MIT WITH AND',
      'MIT\nOR ISC',
      'MIT\u0000',
      'MIT\u202e',
      'MIT/ISC',
      'a:b',
      '-MIT',
      'M'.repeat(65),
      '(A OR A)'.repeat(8),
    ],
    Array(8).fill('(A OR B)').join('AND'),
  ])('is not %j', (expression) => {
    expect(() => parseLicence(expression)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  });
});

describe('the licence of a derivative', () => {
  it.each(vectors.licences)('$licence from $origin matches the vectors', ({ origin, licence, allowed }) => {
    const found = RELATIONS.filter((relation) => findLicenceProblem({ licence, relation }, origin) === undefined);
    expect(found).toEqual(allowed);
  });

  it('names the broken duty', () => {
    expect(findLicenceProblem({ licence: 'MIT', relation: 'adapter-of' }, 'CC-BY-NC-SA-4.0')).toBe(
      'a model that is adapter-of one under CC-BY-NC-SA-4.0 (non-commercial, share-alike) cannot be under MIT',
    );
  });
});

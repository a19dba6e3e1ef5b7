import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/endpoint.json' with { type: 'json' };
import { ProtocolError } from '../base/bytes.ts';
import { formatRoutes, parseRoutes } from './routes.ts';

describe('the routes of an endpoint', () => {
  it.each(vectors.endpoints.map((each) => [each.text, each] as const))('%s', (text, { routes }) => {
    expect(parseRoutes(text)).toEqual(routes);
    expect(formatRoutes(parseRoutes(text))).toBe(text);
  });

  it.each(vectors.refused.map((each) => [each.why, each.text] as const))('%s is refused', (_why, text) => {
    expect(() => parseRoutes(text)).toThrow(ProtocolError);
  });
});

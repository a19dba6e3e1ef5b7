import { describe, expect, it } from 'vitest';
import { ENDPOINT_INFO, ENDPOINTS, isEndpoint } from './endpoints.ts';
import { findModality } from './registry.ts';

describe('the endpoints of all modalities', () => {
  it('each belong to a modality that lists them', () => {
    expect(ENDPOINTS).toEqual([
      'chat',
      'completion',
      'embedding',
      'rerank',
      'image',
      'image-edit',
      'image-variation',
      'infer',
    ]);
    for (const name of ENDPOINTS) expect(findModality(name).endpoints).toContain(name);
    const listed = new Set(ENDPOINTS.flatMap((name) => findModality(name).endpoints));
    expect([...listed]).toEqual(ENDPOINTS);
  });

  it('differ by path, prefix and operation', () => {
    for (const field of ['path', 'idPrefix', 'operation'] as const) {
      expect(new Set(ENDPOINTS.map((name) => ENDPOINT_INFO[name][field])).size).toBe(ENDPOINTS.length);
    }
  });

  it('are recognised by name, and nothing else is', () => {
    expect(ENDPOINTS.every(isEndpoint)).toBe(true);
    expect(['', 'toString', 'Chat', 'response'].some(isEndpoint)).toBe(false);
  });
});

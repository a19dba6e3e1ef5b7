import { describe, expect, it } from 'vitest';
import { writeCode } from './as-code.ts';
import { type ChatTurn, composeBody, loadTurns, replaceFrom, saveTurns, sumFees } from './conversation.ts';

const turn = (id: number, more: Partial<ChatTurn> = {}): ChatTurn => ({
  ...{ id, model: 'm', question: `q${id}`, answer: `a${id}`, state: 'answered' },
  ...more,
});

function createStorage() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
}

describe('the history of a chat', () => {
  it('comes back unchanged, with a running answer as stopped', () => {
    const storage = createStorage();
    saveTurns(storage, [turn(1), turn(2, { state: 'asking' })]);
    expect(loadTurns(storage)).toEqual([turn(1), turn(2, { state: 'stopped' })]);
    saveTurns(storage, []);
    expect(storage.getItem('ogong-chat')).toBeNull();
  });

  it('is bounded, and empty if it cannot be read', () => {
    const storage = createStorage();
    saveTurns(
      storage,
      Array.from({ length: 300 }, (_, id) => turn(id, { answer: 'x'.repeat(100_000) })),
    );
    const kept = loadTurns(storage);
    expect(kept.length).toBeLessThan(10);
    expect(kept.at(-1)?.id).toBe(299);
    for (const text of ['{', '{}', '[1, null]', '[{"id":"x"}]']) {
      storage.setItem('ogong-chat', text);
      expect(loadTurns(storage)).toEqual([]);
    }
  });

  it('leaves out replaced turns, and counts their fees', () => {
    const turns = replaceFrom([turn(1), turn(2, { feeAtomic: '5' }), turn(3)], 2);
    expect(composeBody(turns, 'm', { text: 'next', pictures: [] }).messages.map(({ content }) => content)).toEqual([
      'q1',
      'a1',
      'next',
    ]);
    expect(sumFees(turns)).toBe(5n);
  });

  it('goes with the next question, without failed turns', () => {
    expect(composeBody([turn(1), turn(2, { state: 'failed' })], 'm', { text: 'next', pictures: [] }).messages).toEqual([
      { role: 'user', content: 'q1' },
      { role: 'assistant', content: 'a1' },
      { role: 'user', content: 'next' },
    ]);
  });

  it('sends a sealed turn to machines alone', () => {
    const tee = 'ogong/tee/acme/small';
    const turns = [turn(1, { model: tee }), turn(2, { model: 'ogong/verified/acme/small' })];
    const textsOf = (model: string) =>
      composeBody(turns, model, { text: 'next', pictures: [] }).messages.map(({ content }) => content);
    expect(textsOf('ogong/verified/acme/small')).toEqual(['q2', 'a2', 'next']);
    expect(textsOf(tee)).toEqual(['q1', 'a1', 'q2', 'a2', 'next']);
  });

  it('sends pictures before the text about them, keeps their number alone, and leaves made pictures out', () => {
    const url = 'data:image/png;base64,AAAA';
    const made = { width: 1, height: 1, pixels: new Uint8Array(3) };
    const turns = [turn(1, { pictures: [url] }), turn(2, { isPicture: true, picture: made })];
    const image = { type: 'image_url', image_url: { url } };
    expect(composeBody(turns, 'm', { text: '', pictures: [url] }).messages).toEqual([
      { role: 'user', content: [image, { type: 'text', text: 'q1' }] },
      { role: 'assistant', content: 'a1' },
      { role: 'user', content: [image] },
    ]);
    const storage = createStorage();
    saveTurns(storage, turns);
    expect(loadTurns(storage)).toEqual([turn(1, { lostPictures: 1 }), turn(2, { isPicture: true })]);
    saveTurns(storage, loadTurns(storage));
    expect(loadTurns(storage)[0]?.lostPictures).toBe(1);
  });

  it('costs the sum of its known fees', () => {
    expect(sumFees([turn(1, { feeAtomic: '5' }), turn(2), turn(3, { feeAtomic: '7' })])).toBe(12n);
  });
});

describe('a question as code', () => {
  const body = composeBody([], 'a/b/c/d', { text: `it's "so"\n$HOME`, pictures: [] });

  it('survives a shell', () => {
    const code = writeCode('curl', 'http://127.0.0.1:4546', body);
    expect(code).toContain(String.raw`it'\''s \"so\"\n$HOME`);
    expect(code).toContain('"authorization: Bearer $OGONG_API_KEY"');
  });

  it('holds no picture, and asks for one where the model makes them', () => {
    const url = `data:image/png;base64,${'A'.repeat(400)}`;
    expect(writeCode('curl', 'http://g', composeBody([], 'm', { text: 'what?', pictures: [url] }))).not.toContain(
      'AAAA',
    );
    const asked = { model: 'm', prompt: 'a fox' };
    expect(writeCode('curl', 'http://g', asked)).toContain('http://g/v1/images/generations');
    expect(writeCode('TypeScript', 'http://g', asked)).toContain('client.images.generate({');
    expect(writeCode('Python', 'http://g', asked)).toContain('client.images.generate(**{');
    expect(writeCode('curl', 'http://g', { ...asked, model: 'ogong/tee/acme/small' })).not.toContain('a fox');
  });

  it('of a machine is sealed, and no command sends it in plain', () => {
    const sealed = composeBody([], 'ogong/tee/acme/small', { text: 'secret words', pictures: [] });
    for (const kind of ['curl', 'Python'] as const) {
      const code = writeCode(kind, 'http://g', sealed);
      expect(code).toContain('ogong ask');
      expect(code).not.toContain('secret words');
    }
    expect(writeCode('TypeScript', 'http://g', sealed)).toContain('checkMachine(machine, { crypto, policy');
  });

  it('is a call of each package, and holds no key', () => {
    expect(writeCode('TypeScript', 'http://g', body)).toContain(`from '@ogong/sdk'`);
    expect(writeCode('Python', 'http://g', body)).toContain('Client("http://g/v1"');
    for (const kind of ['TypeScript', 'Python'] as const)
      expect(writeCode(kind, 'http://g', body)).toMatch(/OGONG_API_KEY/);
  });
});

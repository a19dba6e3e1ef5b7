import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import {
  DeltaSchema,
  GenerateEventSchema,
  ProviderService,
  ReplyStatusSchema,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallLimits, type CallTarget, callStream, callUnary } from './link-call.ts';
import { Refusal, toLinkError } from './link-error.ts';

let server: Http2Server;
let session: ClientHttp2Session;
let answer: (stream: ServerHttp2Stream) => void = () => {};
beforeAll(async () => {
  server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.resume();
    stream.on('end', () => answer(stream));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(async () => {
  session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const target: CallTarget = { request: async (headers) => session.request(headers), maxMessageBytes: 2_000 };
const limits: CallLimits = { timeoutMs: 10_000, signal: undefined, headers: undefined };
const ask = () => callUnary(target, ValidatorService.method.getReply, {}, limits);
async function read(): Promise<string[]> {
  const texts: string[] = [];
  for await (const { event } of callStream(target, ProviderService.method.generate, {}, limits)) {
    texts.push(event.case === 'delta' ? event.value.text : '?');
  }
  return texts;
}
const nameError = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error: unknown) => {
      const { code, refusal } = toLinkError(error);
      return refusal ?? code;
    },
  );

const status = toBinary(ReplyStatusSchema, create(ReplyStatusSchema, { state: 'settled', detail: 'x'.repeat(500) }));
const frame = (flags: number, message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const delta = (text: string): Buffer => {
  const value = create(DeltaSchema, { text });
  return frame(0, toBinary(GenerateEventSchema, create(GenerateEventSchema, { event: { case: 'delta', value } })));
};
const END = frame(2, Buffer.from('{}'));
const STREAM = { ':status': 200, 'content-type': 'application/connect+proto' };
const UNARY = { ':status': 200, 'content-type': 'application/proto' };
const stream = (...parts: readonly Uint8Array[]) => {
  answer = (call) => {
    call.respond(STREAM);
    for (const part of parts) call.write(part);
    call.end();
  };
  return read();
};

describe('a call for one message', () => {
  it('gives the message', async () => {
    answer = (call) => {
      call.respond(UNARY);
      call.end(status);
    };
    expect(await ask()).toMatchObject({ state: 'settled' });
  });

  it('takes no part of an answer for all of it', async () => {
    answer = (call) => {
      call.respond(UNARY);
      // It parses: a message may end after each of its fields.
      call.write(status.subarray(0, 9), () => call.close(constants.NGHTTP2_CANCEL));
    };
    expect(await nameError(ask())).toBe('unreachable');
  });

  it('reports refusals, floods and malformed answers', async () => {
    const refusal = new Refusal('not-found', 'there is none');
    answer = (call) => {
      call.respond({ ...Object.fromEntries(refusal.metadata), ':status': 404, 'content-type': 'application/json' });
      call.end(errorToJsonBytes(refusal, undefined));
    };
    expect(await nameError(ask())).toBe('not-found');
    answer = (call) => {
      call.respond(UNARY);
      call.end(Buffer.alloc(5_000));
    };
    expect(await nameError(ask())).toBe('too-large');
    for (const head of [
      { ...UNARY, 'content-encoding': 'gzip' },
      { ...UNARY, 'content-type': 'text/html' },
    ]) {
      answer = (call) => {
        call.respond(head);
        call.end(status);
      };
      expect(await nameError(ask())).toBe('remote');
    }
  });
});

describe('a call for many messages', () => {
  it('reads them however they are cut', async () => {
    const whole = Buffer.concat([delta('a'), delta('b'.repeat(300)), delta(''), END]);
    const expected = ['a', 'b'.repeat(300), ''];
    expect(await stream(whole)).toEqual(expected);
    expect(await stream(...Array.from(whole, (byte) => Buffer.of(byte)))).toEqual(expected);
    for (const at of [3, 5, 9, 100, whole.length - 4])
      expect(await stream(whole.subarray(0, at), whole.subarray(at))).toEqual(expected);
  });

  it.each(['{}', ' {}', '{"metadata":{"a":["b"]}}'])('takes %j for a good end', async (end) => {
    expect(await stream(delta('a'), frame(2, Buffer.from(end)))).toEqual(['a']);
  });

  it('takes a stream without its end for one that broke', async () => {
    expect(await nameError(stream(delta('a')))).toBe('unreachable');
    expect(await nameError(stream(delta('a').subarray(0, 6), Buffer.alloc(0)))).toBe('unreachable');
  });

  it('refuses a malformed stream', async () => {
    const error = Buffer.from('{"error":{"code":"internal"}}');
    expect(await nameError(stream(frame(2, error)))).toBe('remote');
    for (const end of ['', '{', '[]', '{}}'])
      expect(await nameError(stream(frame(2, Buffer.from(end))))).toBe('remote');
    expect(await nameError(stream(frame(1, Buffer.from('zip')), END))).toBe('remote');
    expect(await nameError(stream(END, delta('late')))).toBe('remote');
    expect(await nameError(stream(frame(0, Buffer.from([0xff])), END))).toBe('remote');
    expect(await nameError(stream(frame(0, Buffer.alloc(2_001)), END))).toBe('too-large');
  });

  it('yields messages from before the failure', async () => {
    answer = (call) => {
      call.respond(STREAM);
      call.write(delta('a'), () => call.close(constants.NGHTTP2_INTERNAL_ERROR));
    };
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { event } of callStream(target, ProviderService.method.generate, {}, limits))
        texts.push(event.case === 'delta' ? event.value.text : '?');
    })();
    expect(await nameError(reading)).toBe('unreachable');
    expect(texts).toEqual(['a']);
  });

  it('makes a peer wait if its messages are not read, and loses none', async () => {
    const texts = Array.from({ length: 600 }, (_, i) => `${i} `.repeat(300));
    let isDone = false;
    answer = (call) => {
      call.respond(STREAM);
      call.once('finish', () => {
        isDone = true;
      });
      for (const text of texts) call.write(delta(text));
      call.end(END);
    };
    const calls = callStream(target, ProviderService.method.generate, {}, limits);
    await calls.next();
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect(isDone).toBe(false);
    let count = 1;
    for await (const { event } of calls) expect(event.case === 'delta' && event.value.text).toBe(texts[count++]);
    expect(count).toBe(texts.length);
  });
});

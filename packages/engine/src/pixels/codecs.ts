import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** Decoded pixels of a codec: RGBA of 8 bits, row by row, not premultiplied. */
export interface RgbaPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Node has it; the types of browsers, which this package does not use, describe it. */
declare const WebAssembly: { compile(code: Uint8Array): Promise<object> };

/** The part of a package `@jsquash/...` that is used here. `init` makes a new instance, with memory of its own, of its code. */
interface Codec {
  readonly init: (code: object) => Promise<unknown>;
  readonly default: (file: ArrayBuffer) => Promise<RgbaPicture>;
}

/** Formats of the codecs. */
type CodecType = 'png' | 'jpeg' | 'webp';

/** Builds of the decoders that other programs use as well: libpng's successor in Rust, MozJPEG and libwebp. They need no other file. */
const CODECS: Readonly<Record<CodecType, { readonly code: string; readonly load: () => Promise<unknown> }>> = {
  png: { code: '@jsquash/png/codec/pkg/squoosh_png_bg.wasm', load: () => import('@jsquash/png/decode.js') },
  jpeg: { code: '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm', load: () => import('@jsquash/jpeg/decode.js') },
  webp: { code: '@jsquash/webp/codec/dec/webp_dec.wasm', load: () => import('@jsquash/webp/decode.js') },
};

/** Values of 16 bits keep their high byte, and those of a palette become colours. @throws whatever the codec throws for broken bytes. */
export async function runCodec(type: CodecType, file: Uint8Array<ArrayBuffer>): Promise<RgbaPicture> {
  const { code, load } = CODECS[type];
  const codec = (await load()) as Codec;
  const path = createRequire(import.meta.url).resolve(code);
  await codec.init(await WebAssembly.compile(await readFile(path)));
  const { buffer, byteOffset, byteLength } = file;
  const isWhole = byteLength === buffer.byteLength;
  return codec.default(isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength));
}

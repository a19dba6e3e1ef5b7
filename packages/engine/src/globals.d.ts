// The part of WebAssembly that the engine uses. TypeScript knows it as a part of browsers only.
declare const WebAssembly: {
  validate(code: Uint8Array<ArrayBuffer>): boolean;
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

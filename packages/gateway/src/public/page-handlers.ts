import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { PageRouteName } from '@ogong/protocol/http/routes';
import { createPageFiles, type PageFiles } from './page-files.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
};

/**
 * Returns a content policy: no other origin but the chain, no inline code, no markup from text, and no framing. The checks of receipts
 * run in WebAssembly. Pictures that a user adds to a question are `data:` URLs.
 */
const formatPolicy = (rpcUrl: string | undefined): string =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self'${rpcUrl === undefined ? '' : ` ${new URL(rpcUrl).origin}`}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

interface ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

/** The chat at `/`, the explorer, and the page of accounts. A browser asks for HTML by name; other callers of `/` learn that there is no such endpoint. */
export function createPageHandlers(
  { rpcUrl }: { readonly rpcUrl: string | undefined },
  files: () => Promise<PageFiles | undefined> = createPageFiles(),
): Readonly<Record<PageRouteName, Handler>> {
  const policy = formatPolicy(rpcUrl);
  const prepared = new Map<string, ServedFile>();

  async function prepare(name: string): Promise<ServedFile | undefined> {
    const known = prepared.get(name);
    const bytes = known ? undefined : (await files())?.get(name);
    if (bytes === undefined) return known;
    const tag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`;
    const file = { bytes: new Uint8Array(bytes), gzip: new Uint8Array(gzipSync(bytes, { level: 9 })), tag };
    prepared.set(name, file);
    return file;
  }

  async function serve(context: ApiContext, name: string): Promise<Response> {
    const file = await prepare(name);
    if (file === undefined) {
      throw new ApiError('not_found', 'There is no such page here.', { publicCode: 'unknown_url' });
    }
    const headers = {
      'content-type': TYPES[/[^.]*$/.exec(name)?.[0] ?? ''] ?? 'application/octet-stream',
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
      vary: 'accept-encoding',
      etag: file.tag,
    };
    if (context.req.header('if-none-match') === file.tag) return context.body(null, 304, headers);
    const isPacked = /\bgzip\b/.test(context.req.header('accept-encoding') ?? '');
    return isPacked
      ? context.body(file.gzip, 200, { ...headers, 'content-encoding': 'gzip' })
      : context.body(file.bytes, 200, headers);
  }

  return {
    chat(context) {
      if (/\btext\/html\b/.test(context.req.header('accept') ?? '')) return serve(context, 'chat.html');
      // Clients of Anthropic's API test the connection with HEAD.
      if (context.req.method === 'HEAD') return context.body(null, 200);
      throw new ApiError('not_found', 'Unknown request URL: GET /.', { publicCode: 'unknown_url' });
    },
    admin: (context) => serve(context, 'admin.html'),
    explorer: (context) => context.redirect('/explorer/', 308),
    explorerRoot: (context) => serve(context, 'index.html'),
    pageFile: (context) => serve(context, context.req.param('name') ?? ''),
  };
}

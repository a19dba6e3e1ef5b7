import type { EndpointInfo } from '../../endpoint-info.ts';

/** Endpoints of texts, in the order of their codes in headers and summaries. */
export const TEXT_ENDPOINT_INFO = {
  chat: { path: '/v1/chat/completions', idPrefix: 'chatcmpl', operation: 'chat', use: 'chat', isOpenAi: true },
  completion: {
    path: '/v1/completions',
    idPrefix: 'cmpl',
    operation: 'text_completion',
    use: 'completion',
    isOpenAi: true,
  },
} as const satisfies Readonly<Record<string, EndpointInfo>>;

export const MAX_PDF_PAGES = 500;
/** UTF-16 units of all pages. */
export const MAX_PDF_TEXT = 2 ** 22;

export const PDF_PROBLEMS = ['malformed', 'encrypted', 'pages', 'text', 'memory'] as const;
export type PdfProblem = (typeof PDF_PROBLEMS)[number];

/** Message of the process that reads a PDF: the text of each page, or the reason why there is none. */
export type PdfAnswer = { readonly pages: readonly string[] } | { readonly problem: PdfProblem };

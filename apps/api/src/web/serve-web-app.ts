import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';

/** Paths that are not the web app's. */
const API = /^\/(api|docs)(\/|$)/;

const NOT_BUILT = `<!doctype html><meta charset="utf-8"><title>Plumbline</title>
<h1>The web app is not built</h1><p>Run <code>npm run build</code> in the checkout, then reload this page.</p>
<p>The API works: see <a href="/docs">/docs</a>.</p>`;

/** Serves the built web app; its own router takes every path that no file answers. */
export function serveWebApp(application: NestExpressApplication, directory: string): void {
  application.useStaticAssets(directory, {
    index: false,
    setHeaders: (response: Response, path: string) => {
      // Vite names what is in assets/ by its content.
      const hashed = path.startsWith(join(directory, 'assets'));
      response.setHeader('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  application.use((request: Request, response: Response, next: NextFunction) => {
    const wanted = (request.method === 'GET' || request.method === 'HEAD') && !API.test(request.path);
    if (!wanted) return next();
    const page = join(directory, 'index.html');
    if (!existsSync(page)) return response.status(503).type('html').send(NOT_BUILT);
    response.setHeader('Cache-Control', 'no-cache');
    return response.sendFile(page, next);
  });
}

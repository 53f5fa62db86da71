# Runs workflows and light activities. Build from the repository's root.
FROM node:22-bookworm-slim AS build
WORKDIR /plumbline
COPY . .
RUN npm ci && npm run build

# Temporal's core needs the system's certificates to reach a TLS cluster.
FROM node:22-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production PLUMBLINE_HOME=/data
WORKDIR /plumbline
COPY --from=build --chown=node:node /plumbline /plumbline
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
CMD ["node", "apps/pipeline-worker/dist/main.js"]

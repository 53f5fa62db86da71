# The API with the built web app. Build from the repository's root: docker build -f docker/api.Dockerfile .
FROM node:22-bookworm-slim AS build
WORKDIR /plumbline
COPY . .
# Optional dependencies stay: argon2, the Temporal client and the build tools ship prebuilt binaries as such.
RUN npm ci && npm run build

FROM node:22-bookworm-slim
ENV NODE_ENV=production PLUMBLINE_HOME=/data PLUMBLINE_API_HOST=0.0.0.0 PLUMBLINE_API_PORT=8080
WORKDIR /plumbline
COPY --from=build --chown=node:node /plumbline /plumbline
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
CMD ["node", "apps/api/dist/main.js"]

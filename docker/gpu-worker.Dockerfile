# Compute activities on an NVIDIA GPU: tfjs-node-gpu built against TensorFlow's own libraries, with CUDA and cuDNN from
# the wheels that TensorFlow names. Build from the repository's root; run with the NVIDIA container toolkit.
FROM node:22-bookworm
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 python3-pip g++ make \
  && rm -rf /var/lib/apt/lists/*
ENV PLUMBLINE_HOME=/data PLUMBLINE_DEVICE=gpu NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /plumbline
COPY . .
# The libraries go beside the code rather than into /data, which a volume covers.
RUN PLUMBLINE_HOME=/plumbline/.plumbline npm run bootstrap -- --gpu && npm run build
# CUDA and cuDNN as bootstrap unpacked them; `plumbline up` sets the same for the gpu-worker it supervises.
ENV NVIDIA_WHEELS=/plumbline/.plumbline/tensorflow/gpu-2.21.0/nvidia
ENV XLA_FLAGS=--xla_gpu_cuda_data_dir=$NVIDIA_WHEELS/cuda_nvcc PATH=$NVIDIA_WHEELS/cuda_nvcc/bin:$PATH
VOLUME /data
CMD ["sh", "-c", "LD_LIBRARY_PATH=$(echo $NVIDIA_WHEELS/*/lib | tr ' ' ':') exec node apps/gpu-worker/dist/main.js"]

# restain: `make demo` sets everything up and shows the main job; `make test` runs every test.
# Nothing here asks a question. Targets that need system packages install them first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

SWIFT ?= swift
PREFIX ?= /usr
DESTDIR ?=

# What the program is built with and runs on, and what the tests use as independent witnesses.
LIBRARIES := libopenslide-dev libtiff-dev libopenblas-dev pkg-config
WITNESSES := openslide-tools libtiff-tools libvips-tools libxml2-utils systemd

.PHONY: demo build test check format lint layers docs tsan asan cover bench install hooks \
  libraries witnesses clean

demo: libraries build
	.ci/demo

build:
	$(SWIFT) build -c release --product restain
	$(SWIFT) build -c release --product restain-bench

test: libraries witnesses
	.ci/test

check: libraries lint layers docs

format:
	$(SWIFT) format -i -r -p Package.swift Sources Tests

lint:
	$(SWIFT) format lint --strict -r -p Package.swift Sources Tests

# A debug build that fails on a warning and on an import that Package.swift does not name.
layers:
	$(SWIFT) build --explicit-target-dependency-import-check error
	.ci/layers

docs:
	.ci/docs

tsan: libraries witnesses
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan

asan: libraries witnesses
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --sanitize=address --scratch-path .build-asan

cover: libraries witnesses
	$(SWIFT) test --enable-code-coverage --scratch-path .build-cover
	$(SWIFT) test --show-codecov-path --scratch-path .build-cover

bench: libraries build
	.build/release/restain-bench limits
	.build/release/restain-bench inference --architecture pix2pix --channels 16 --batch 4 --threads 2
	.build/release/restain-bench training --architecture pix2pix --channels 16 --batch 1 --threads 2

# With Swift's runtime inside, so that the service needs no toolchain on its server or in a home folder.
install: libraries
	$(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-install --product restain
	$(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-install --product restain-bench
	strip .build-install/release/restain .build-install/release/restain-bench
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" BUILD=.build-install/release systemd/install.sh

hooks:
	git config core.hooksPath .githooks

libraries:
	@.ci/packages $(LIBRARIES)

witnesses:
	@.ci/packages $(WITNESSES)

clean:
	rm -rf .build .build-tsan .build-asan .build-cover .build-install

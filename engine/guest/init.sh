#!/bin/busybox sh
# The guest's only program: serve one host over the serial line.
#
# A request is a line "NUMBER COMMAND". The answer is the command's output followed by
# "=NUMBER STATUS=". The command "report" prints everything a recording keeps, one fact a
# line, the first word naming the kind of fact. It uses the shell's own words in its loops: under
# emulation a fork costs more than all the rest of a block's line.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
while read -r module; do
	insmod "/lib/modules/$module"
done </lib/modules/order
dmesg -n 1
# The reasons of refusals are debug messages; a recording keeps them apart from the log.
echo 'file mm/memory_hotplug.c +p' >/proc/dynamic_debug/control 2>/dev/null

report() {
	awk '
		function flush() { if (zone != "") print "zone", zone, spanned, present, managed, start, cma }
		/^Node/ { flush(); sub(",", "", $2); zone = $2 " " $4; start = 0; cma = 0 }
		$1 == "spanned" { spanned = $2 }
		$1 == "present" { present = $2 }
		$1 == "managed" { managed = $2 }
		$1 == "cma" { cma = $2 }
		$1 == "start_pfn:" { start = $2 }
		END { flush() }' /proc/zoneinfo
	for block in /sys/devices/system/memory/memory[0-9]*; do
		node=-
		for link in "$block"/node[0-9]*; do
			node=${link##*/node}
			break
		done
		read -r state <"$block/state"
		read -r removable <"$block/removable"
		read -r zones <"$block/valid_zones"
		echo "block ${block##*/memory} $state $node $removable $zones"
	done
	sed -n -E '/System RAM|Persistent|dax|namespace|pfn|virtio/s/^/iomem /p' /proc/iomem
	for mask in online has_memory has_normal_memory has_cpu possible; do
		read -r value <"/sys/devices/system/node/$mask"
		echo "nodes $mask $value"
	done
	dmesg -c | sed 's/^/log /'
	if [ -e /tmp/follow ]; then
		echo 0 >/sys/kernel/tracing/tracing_on
		sed -n '/^#/!s/^/call /p' /sys/kernel/tracing/trace
		echo >/sys/kernel/tracing/trace
		echo 1 >/sys/kernel/tracing/tracing_on
	fi
}

facts() {
	sed 's/^/cmdline /' /proc/cmdline
	uname -r | sed 's/^/release /'
	sed -n 's/KernelPageSize: *\([0-9]*\) kB/page_kb \1/p;/KernelPageSize/q' /proc/self/smaps
	read -r size </sys/devices/system/memory/block_size_bytes && echo "block_size $size"
	read -r policy </sys/devices/system/memory/auto_online_blocks &&
		echo "auto_online_blocks $policy"
	for file in /sys/module/memory_hotplug/parameters/*; do
		read -r value <"$file"
		echo "${file##*/} $value"
	done
	for driver in /sys/firmware/acpi/hotplug/memory /sys/bus/virtio/drivers/virtio_mem \
		/sys/bus/dax/drivers/device_dax /sys/bus/dax/drivers/kmem /sys/kernel/mm/hugepages; do
		[ -e "$driver" ] && echo "has $driver"
	done
}

# Functions by their number in the kernel's list: a name is looked for among all of them, each.
follow() {
	cd /sys/kernel/tracing || return
	awk 'NR == FNR { wanted[$1]; next } $1 in wanted { print FNR }' /lib/calls \
		available_filter_functions >/tmp/names && [ -s /tmp/names ] || return
	cat /tmp/names >set_ftrace_filter
	echo function_graph >current_tracer || return
	for option in nofuncgraph-irqs nofuncgraph-cpu nofuncgraph-duration nofuncgraph-overhead; do
		echo "$option" >trace_options
	done
	echo 1 >events/printk/console/enable
	echo >trace
	echo >/tmp/follow
}

read -r console </sys/class/tty/console/active
exec <>"/dev/${console##* }" >&0 2>&1
stty raw -echo
echo =ready=
while read -r number command; do
	(eval "$command") </dev/null
	echo "=$number $?="
done

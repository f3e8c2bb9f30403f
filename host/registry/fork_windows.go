// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// overTCP says that plugins listen on TCP, where mutual TLS must say who is
// who.
const overTCP = true

// prepare says what a plugin process is and what it may do: a process group of
// its own, so that no Ctrl-C in the host's console reaches it.
func (c *child) prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}

// jobs holds the job of every plugin process. The system ends the processes of
// a job when its last handle is closed: by killGroup, or by the death of this
// process.
var jobs sync.Map // process ID → windows.Handle

// startProcess starts cmd in a job. What it starts itself before it is in the
// job, in the first microseconds of its life, is not.
func startProcess(cmd *exec.Cmd) error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return err
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		windows.CloseHandle(job)
		return err
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = windows.AssignProcessToJobObject(job, process)
		windows.CloseHandle(process)
	}
	if err != nil {
		windows.CloseHandle(job)
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	jobs.Store(cmd.Process.Pid, job)
	return nil
}

// killGroup ends a process and its children.
func killGroup(p *os.Process) {
	if job, ok := jobs.LoadAndDelete(p.Pid); ok {
		windows.TerminateJobObject(job.(windows.Handle), 1)
		windows.CloseHandle(job.(windows.Handle))
	}
}
